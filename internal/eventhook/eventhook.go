// Package eventhook calls the event hooks of applications.
package eventhook

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/crossmint-go/auth/session/event"
)

// Call passes e to hook. It recovers a panic of the hook and writes it to
// logger, because a refresh must not fail with the hook.
func Call(ctx context.Context, hook func(context.Context, event.Event), logger *slog.Logger, e event.Event) {
	defer func() {
		if r := recover(); r != nil {
			defer func() { _ = recover() }() // the logger can panic, too
			logger.ErrorContext(ctx, "crossmint: the event hook panicked", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	hook(ctx, e)
}
