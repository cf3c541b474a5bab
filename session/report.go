package session

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// newReporter returns the function through which a Manager reports events.
func newReporter(config Config) func(context.Context, Event) {
	logger := config.Logger
	if logger == nil {
		logger = slog.Default()
	}
	hook := config.OnEvent
	if hook == nil {
		hook = LogEvents(logger)
	}
	return func(ctx context.Context, e Event) {
		// A request must not lose its cookies to a fault of its observer.
		defer func() {
			if r := recover(); r != nil {
				defer func() { _ = recover() }() // the logger may be what panicked
				logger.ErrorContext(ctx, "crossmint: the event hook panicked", "panic", r, "stack", string(debug.Stack()))
			}
		}()
		hook(ctx, e)
	}
}

// LogEvents returns the hook that a [Manager] has where Config.OnEvent is nil,
// to be called by a hook of your own. It logs, and holds repeated lines of one
// kind back. nil: slog.Default().
func LogEvents(logger *slog.Logger) func(context.Context, Event) {
	if logger == nil {
		logger = slog.Default()
	}
	return newEventLog(logger).write
}

// The default log writes at most one line per kind of trouble in
// repeatInterval; those in between are counted.
const repeatInterval = 10 * time.Second

// eventLog is the default hook. Outages make every request report the same,
// and so do those who send made-up tokens: what is at least a warning, and what
// anybody can cause, is therefore limited.
type eventLog struct {
	logger *slog.Logger

	mu   sync.Mutex // guards last
	last map[eventKind]*repetition
}

type eventKind struct {
	outcome Outcome
	op      string
	status  int
}

type repetition struct {
	at   time.Time
	held int
}

func newEventLog(logger *slog.Logger) *eventLog {
	return &eventLog{logger: logger, last: map[eventKind]*repetition{}}
}

func (l *eventLog) write(ctx context.Context, e Event) {
	level := e.Level()
	if !l.logger.Enabled(ctx, level) {
		return
	}
	anybody := e.Outcome == Rejected || (e.Outcome == SignedOut || e.Outcome == LoggedOut) && e.UserID == "" // no signature says who
	if level >= slog.LevelWarn || anybody {
		held, due := l.due(eventKind{e.Outcome, e.Op, e.UpstreamStatus})
		if !due {
			return
		}
		e.Repeated = held
	}
	l.logger.LogAttrs(ctx, level, "crossmint session", e.LogValue().Group()...)
}

// due reports whether an event of this kind is to be written now, and how
// many were held back before it. Kinds are few: statuses are of three digits.
func (l *eventLog) due(kind eventKind) (held int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r := l.last[kind]
	if r == nil {
		l.last[kind] = &repetition{at: now}
		return 0, true
	}
	if now.Sub(r.at) < repeatInterval {
		r.held++
		return 0, false
	}
	held, r.at, r.held = r.held, now, 0
	return held, true
}
