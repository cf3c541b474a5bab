package session_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

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
