package session_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// defaultLog returns the buffer to which slog.Default writes until the end of the
// test.
func defaultLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &log
}

// Without a middleware, each line that looks for a session warns once, and names
// itself.
func TestFromContextWithoutMiddlewareWarnsOnce(t *testing.T) {
	log := defaultLog(t)
	for range 3 {
		if _, ok := session.FromContext(t.Context()); ok {
			t.Error("a session without a middleware")
		}
		if _, ok := session.FromContext(context.WithValue(t.Context(), "key", 1)); ok { //nolint:staticcheck // any value
			t.Error("a session without a middleware")
		}
	}
	lines := strings.SplitAfter(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one for each of 2 calls:\n%s", len(lines), log)
	}
	for _, line := range lines {
		for _, want := range []string{"level=WARN", "put middleware.RequireSession or OptionalSession around the handler", "unwired_test.go:"} {
			if !strings.Contains(line, want) {
				t.Errorf("line %q lacks %q", line, want)
			}
		}
	}
}

// A context that a middleware or a test has looked at warns about nothing, with or
// without a session.
func TestFromContextWithOutcomeIsSilent(t *testing.T) {
	log := defaultLog(t)
	_, _ = session.FromContext(session.NewContext(t.Context(), nil))
	_, _ = session.FromContext(session.NewContext(t.Context(), &session.AuthSession{UserID: "ann"}))
	_, _ = session.FromContext(session.Result{}.NewContext(t.Context(), session.ErrUnavailable))
	if log.Len() != 0 {
		t.Errorf("log:\n%s", log)
	}
}

// The error of Claims tells why there is no session.
func TestClaimsErrorNamesCause(t *testing.T) {
	tests := []struct {
		name string
		ctx  context.Context
		want string
	}{
		{name: "no middleware", ctx: t.Context(), want: "put middleware.RequireSession or OptionalSession around the handler"},
		{name: "no session, in a test", ctx: session.NewContext(t.Context(), nil), want: "there is no session in the context"},
		{name: "no decision", ctx: session.Result{}.NewContext(t.Context(), session.ErrUnavailable), want: "there is no session in the context: " + session.ErrUnavailable.Error()},
	}
	for _, test := range tests {
		if _, err := session.Claims[struct{}](test.ctx); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q at its end", test.name, err, test.want)
		}
	}
}

// coordinator is a Coordinator of an application.
type coordinator struct{ session.Coordinator }

// A nil pointer in an interface is not equal to nil. It comes from an ignored error.
func TestNewManagerRejectsNilPointers(t *testing.T) {
	var client *crossmint.Client
	var shared *coordinator
	_, err := session.NewManager(session.Config{Upstream: client, Coordinator: shared})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"Upstream is a nil *crossmint.Client", "Coordinator is a nil *session_test.coordinator", "check the error of the function that returned it"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
}
