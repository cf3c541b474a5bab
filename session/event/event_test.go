package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

func TestLevel(t *testing.T) {
	tests := []struct {
		name  string
		event event.Event
		want  slog.Level
	}{
		{name: "valid JWT", event: event.Event{Outcome: event.Allowed}, want: slog.LevelDebug},
		{name: "refresh", event: event.Event{Outcome: event.Refreshed}, want: slog.LevelInfo},
		{name: "sign-in", event: event.Event{Outcome: event.SignedIn}, want: slog.LevelInfo},
		{name: "wrong code", event: event.Event{Outcome: event.SignInFailed, UserError: true}, want: slog.LevelInfo},
		{name: "sign-in during an outage", event: event.Event{Outcome: event.SignInFailed}, want: slog.LevelWarn},
		{name: "code sent", event: event.Event{Outcome: event.CodeSent}, want: slog.LevelInfo},
		{name: "invalid address", event: event.Event{Outcome: event.CodeNotSent, UserError: true}, want: slog.LevelInfo},
		{name: "code not sent during an outage", event: event.Event{Outcome: event.CodeNotSent}, want: slog.LevelWarn},
		{name: "client gone", event: event.Event{Outcome: event.Abandoned}, want: slog.LevelDebug},
		{name: "asked again", event: event.Event{Outcome: event.AskedAgain}, want: slog.LevelInfo},
		{name: "rejected token", event: event.Event{Outcome: event.Rejected}, want: slog.LevelInfo},
		{name: "request without tokens", event: event.Event{Outcome: event.Rejected, Anonymous: true}, want: slog.LevelDebug},
		{name: "signed out", event: event.Event{Outcome: event.SignedOut}, want: slog.LevelInfo},
		{name: "outage", event: event.Event{Outcome: event.Unavailable}, want: slog.LevelWarn},
		{name: "degraded store", event: event.Event{Outcome: event.StoreDegraded}, want: slog.LevelWarn},
		{name: "recovered store", event: event.Event{Outcome: event.StoreRecovered}, want: slog.LevelInfo},
		{name: "suspect API key", event: event.Event{Outcome: event.RejectionsSuspended}, want: slog.LevelError},
		{name: "rejected API key", event: event.Event{Outcome: event.APIKeyRejected}, want: slog.LevelError},
		{name: "panic", event: event.Event{Outcome: event.Panicked}, want: slog.LevelError},
	}
	for _, test := range tests {
		if got := test.event.Level(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLogValue(t *testing.T) {
	tests := []struct {
		name  string
		event event.Event
		want  map[string]any
	}{
		{
			name:  "empty fields are left out",
			event: event.Event{Outcome: event.Refreshed, Op: "refresh"},
			want:  map[string]any{"outcome": "refreshed", "op": "refresh"},
		},
		{
			name: "all fields",
			event: event.Event{
				Outcome: event.Unavailable, Op: "authenticate", Err: errors.New("down"), UserID: "ann", Token: "0123abcd",
				Shared: true, UpstreamStatus: 502, Latency: time.Second, Repeated: 7,
			},
			want: map[string]any{
				"outcome": "unavailable", "op": "authenticate", "error": "down", "user": "ann", "token": "0123abcd",
				"shared": true, "upstream_status": 502.0, "latency": 1e9, "repeated": 7.0,
			},
		},
	}
	for _, test := range tests {
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "event", test.event)
		var got struct{ Event map[string]any }
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got.Event); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
