package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Events of one kind are reported repeatBurst times in repeatInterval: while a
// store is away every refresh would report the same.
const (
	repeatInterval = 10 * time.Second
	repeatBurst    = 3
)

// reporter reports events.
type reporter struct {
	hook   func(context.Context, session.Event)
	logger *slog.Logger

	mu     sync.Mutex // guards counts
	counts map[string]*count
}

// count is how many events of a kind there were since the interval began.
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
		r.hook = func(ctx context.Context, e session.Event) {
			r.logger.LogAttrs(ctx, e.Level(), "crossmint session", e.LogValue().Group()...)
		}
	}
	return r
}

// report reports an event of a kind, unless there were many of late.
func (r *reporter) report(ctx context.Context, kind string, e session.Event) {
	held, due := r.due(kind)
	if !due {
		return
	}
	e.Repeated = held
	// A refresh must not be lost to a fault of its observer.
	defer func() {
		if p := recover(); p != nil {
			defer func() { _ = recover() }() // the logger may be what panicked
			r.logger.ErrorContext(ctx, "crossmint: the event hook panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	r.hook(ctx, e)
}

// due reports whether an event of this kind is to be reported now, and how many
// were held back before it.
func (r *reporter) due(kind string) (held int, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[kind]
	if c == nil || time.Since(c.since) >= repeatInterval {
		if c != nil {
			held = max(c.n-repeatBurst, 0)
		}
		r.counts[kind] = &count{time.Now(), 1}
		return held, true
	}
	c.n++
	return 0, c.n <= repeatBurst
}

func (r *reporter) down(ctx context.Context, op string, err error) {
	r.report(ctx, "down", session.Event{
		Outcome: session.StoreDoubted, Op: op, Err: fmt.Errorf("redis: the store is unavailable: %w", err),
	})
}

func (r *reporter) recovered(ctx context.Context, op string) {
	r.report(ctx, "recovered", session.Event{Outcome: session.StoreRecovered, Op: op})
}

// deaf says that the logouts of other instances are not heard of.
func (r *reporter) deaf(ctx context.Context, err error) {
	r.report(ctx, "deaf", session.Event{
		Outcome: session.StoreDoubted, Op: opLogout, Err: fmt.Errorf("redis: not listening to the store: %w", err),
	})
}

var errDied = errors.New("redis: an instance went away while it asked upstream; asking again")

func (r *reporter) died(ctx context.Context) {
	r.report(ctx, "died", session.Event{Outcome: session.StoreDoubted, Op: opRefresh, Err: errDied})
}

func (r *reporter) panicked(ctx context.Context, err error) {
	r.report(ctx, "panicked", session.Event{Outcome: session.Panicked, Op: opRefresh, Err: err})
}
