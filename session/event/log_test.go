package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/session/event"
)

// logOf returns the lines that Log writes of events.
func logOf(t *testing.T, level slog.Level, events ...event.Event) []string {
	t.Helper()
	var out bytes.Buffer
	hook := event.Log(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})))
	for _, e := range events {
		hook(t.Context(), e)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestLogRepetitions(t *testing.T) {
	outage := event.Event{Outcome: event.Unavailable, Op: "authenticate", Err: errors.New("down")}
	tests := []struct {
		name  string
		event event.Event
		want  int // lines of three events
	}{
		{name: "an outage", event: outage, want: 1},
		{name: "rejections", event: event.Event{Outcome: event.Rejected, Op: "authenticate"}, want: 1},
		{name: "refused tokens without a user", event: event.Event{Outcome: event.SignedOut, Op: "authenticate"}, want: 1},
		{name: "refused tokens of users", event: event.Event{Outcome: event.SignedOut, Op: "authenticate", UserID: "ann"}, want: 3},
		{name: "logouts without a user", event: event.Event{Outcome: event.LoggedOut, Op: "logout"}, want: 1},
		{name: "logouts of users", event: event.Event{Outcome: event.LoggedOut, Op: "logout", UserID: "ann"}, want: 3},
		{name: "wrong codes", event: event.Event{Outcome: event.SignInFailed, Op: "sign_in", UserError: true}, want: 1},
		{name: "sent codes", event: event.Event{Outcome: event.CodeSent, Op: "send_code"}, want: 1},
		{name: "sign-ins", event: event.Event{Outcome: event.SignedIn, Op: "sign_in", UserID: "ann"}, want: 3},
		{name: "responses after the write timeout", event: event.Event{Outcome: event.Misconfigured, Op: "store"}, want: 1},
		{name: "mistakes in the setup", event: event.Event{Outcome: event.Misconfigured, Op: "authenticate"}, want: 3},
		{name: "refreshes", event: event.Event{Outcome: event.Refreshed, Op: "refresh", UserID: "ann"}, want: 3},
	}
	for _, test := range tests {
		if lines := logOf(t, slog.LevelInfo, test.event, test.event, test.event); len(lines) != test.want {
			t.Errorf("%s: %d lines, want %d:\n%s", test.name, len(lines), test.want, strings.Join(lines, "\n"))
		}
	}
	t.Run("are counted after ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			hook := event.Log(slog.New(slog.NewTextHandler(&out, nil)))
			for range 25 { // at 0, 1, … 24 s: lines at 0, 10 and 20 s
				hook(context.Background(), outage)
				time.Sleep(time.Second)
			}
			if lines := strings.Count(out.String(), "\n"); lines != 3 || strings.Count(out.String(), "repeated=9") != 2 {
				t.Errorf("log:\n%s", out.String())
			}
		})
	})
	t.Run("each outcome, operation and status has its own lines", func(t *testing.T) {
		var events []event.Event
		for _, status := range []int{502, 503, 502, 503} {
			e := outage
			e.UpstreamStatus = status
			events = append(events, e)
		}
		other := outage
		other.Op = "refresh"
		if lines := logOf(t, slog.LevelInfo, append(events, other)...); len(lines) != 3 {
			t.Errorf("%d lines, want 3:\n%s", len(lines), strings.Join(lines, "\n"))
		}
	})
}

func TestLogQuotes(t *testing.T) {
	lines := logOf(t, slog.LevelDebug, event.Event{
		Outcome: event.Rejected, Op: "authenticate", UserID: "x\nlevel=ERROR", Err: fmt.Errorf("aud is %q", "\n\x1b[31m\u2028"),
	})
	if len(lines) != 1 || strings.ContainsAny(lines[0], "\x1b\u2028") {
		t.Errorf("lines: %q", lines)
	}
}

func TestLogDefaultLogger(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	event.Log(nil)(t.Context(), event.Event{Outcome: event.Refreshed})
	if !strings.Contains(out.String(), "outcome=refreshed") {
		t.Errorf("log: %s", out.String())
	}
}
