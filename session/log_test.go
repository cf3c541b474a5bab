package session_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestLogEvents(t *testing.T) {
	var log bytes.Buffer
	hook := session.LogEvents(slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		hook(t.Context(), session.Event{Outcome: session.Undecided, Op: "authenticate", Err: session.ErrUnavailable})
	}
	if got := strings.Count(log.String(), "outcome=undecided"); got != 1 {
		t.Errorf("%d lines, want 1:\n%s", got, log.String())
	}
}

// Anybody can send tokens to a logout: that fills no log.
func TestLogOfMadeUpLogouts(t *testing.T) {
	in(t, "is one line", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var out bytes.Buffer
		m, err := session.NewManager(session.Config{Upstream: w.client, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(context.Background()) }()
		for range 200 {
			_ = m.Logout(t.Context(), session.NewMaterial("", "made-up"), session.Secret{})
		}
		if lines := strings.Count(out.String(), "\n"); lines != 1 {
			t.Errorf("%d lines, want 1:\n%.300s", lines, out.String())
		}
	})
}
