package eventhook_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/eventhook"
	"github.com/crossmint-go/auth/session/event"
)

func TestCall(t *testing.T) {
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	var got event.Event
	eventhook.Call(t.Context(), func(_ context.Context, e event.Event) { got = e }, logger, event.Event{Op: "refresh"})
	if got.Op != "refresh" || logged.Len() > 0 {
		t.Errorf("the hook got %+v, logged: %s", got, &logged)
	}
	eventhook.Call(t.Context(), panicking, logger, event.Event{})
	if !strings.Contains(logged.String(), "the event hook panicked") || !strings.Contains(logged.String(), "panic=hook") {
		t.Errorf("logged: %s", &logged)
	}
}

func panicking(context.Context, event.Event) { panic("hook") }

// panickingHandler is a log handler that panics.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("handler") }

func TestCallWithPanickingLogger(t *testing.T) {
	logger := slog.New(panickingHandler{slog.DiscardHandler})
	eventhook.Call(t.Context(), panicking, logger, event.Event{}) // returns
}
