package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/eventhook"
	"github.com/crossmint-go/auth/session/event"
)

// Events of one kind are reported repeatBurst times in repeatInterval: while the
// store is unavailable every refresh would report the same.
const (
	repeatInterval = 10 * time.Second
	repeatBurst    = 3
)

// reporter reports events.
type reporter struct {
	hook   func(context.Context, event.Event)
	logger *slog.Logger

	mu     sync.Mutex // guards counts
	counts map[string]*count
}

// count counts the events of a kind since the interval began.
type count struct {
	since time.Time
	n     int
}

func newReporter(config *Config) *reporter {
	r := &reporter{hook: config.OnEvent, logger: config.Logger, counts: map[string]*count{}}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	if r.hook == nil {
		r.hook = func(ctx context.Context, e event.Event) {
			r.logger.LogAttrs(ctx, e.Level(), "crossmint session", e.LogValue().Group()...)
		}
	}
	return r
}

// report reports an event, unless there were many of its kind.
func (r *reporter) report(ctx context.Context, kind string, e event.Event) {
	suppressed, due := r.due(kind)
	if !due {
		return
	}
	e.Repeated = suppressed
	eventhook.Call(ctx, r.hook, r.logger, e)
}

// due reports whether an event of this kind is to be reported now, and the
// number of events that were suppressed before it.
func (r *reporter) due(kind string) (suppressed int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[kind]
	if c == nil || time.Since(c.since) >= repeatInterval {
		if c != nil {
			suppressed = max(c.n-repeatBurst, 0)
		}
		r.counts[kind] = &count{time.Now(), 1}
		return suppressed, true
	}
	c.n++
	return 0, c.n <= repeatBurst
}

func (r *reporter) down(ctx context.Context, op string, err error) {
	r.report(ctx, "down", event.Event{
		Outcome: event.StoreDegraded, Op: op, Err: fmt.Errorf("redis: the store is unavailable: %w", err),
	})
}

func (r *reporter) recovered(ctx context.Context, op string) {
	r.report(ctx, "recovered", event.Event{Outcome: event.StoreRecovered, Op: op})
}

// unsubscribed reports that the instance does not get the logouts of others.
func (r *reporter) unsubscribed(ctx context.Context, err error) {
	r.report(ctx, "unsubscribed", event.Event{
		Outcome: event.StoreDegraded, Op: opLogout, Err: fmt.Errorf("redis: not subscribed to the store: %w", err),
	})
}

var errDied = errors.New("redis: an instance died while it asked upstream; asking again")

func (r *reporter) died(ctx context.Context) {
	r.report(ctx, "died", event.Event{Outcome: event.StoreDegraded, Op: opRefresh, Err: errDied})
}
