package fleet

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/crossmint-go/auth/internal/eventhook"
	"github.com/crossmint-go/auth/session/event"
)

// reporter reports the beginning and the end of outages.
type reporter struct {
	hook   func(context.Context, event.Event)
	logger *slog.Logger
}

func (r *reporter) degraded(ctx context.Context, op string, err error) {
	eventhook.Call(ctx, r.hook, r.logger, event.Event{
		Outcome: event.StoreDegraded, Op: op, Err: fmt.Errorf("fleet: the store is unavailable: %w", err),
	})
}

func (r *reporter) recovered(ctx context.Context, op string) {
	eventhook.Call(ctx, r.hook, r.logger, event.Event{Outcome: event.StoreRecovered, Op: op})
}
