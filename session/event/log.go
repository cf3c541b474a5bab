package event

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// repeatInterval is the least time between two log lines of one kind, where
// one cause repeats with every request.
const repeatInterval = 10 * time.Second

// Log returns a hook that writes events to logger; nil means slog.Default(). It
// is the default of session.Config.OnEvent. Lines of one kind that an outage or
// a flood of forged tokens would repeat are written once in ten seconds, with
// the number of those in between.
func Log(logger *slog.Logger) func(context.Context, Event) {
	if logger == nil {
		logger = slog.Default()
	}
	l := &eventLog{logger: logger, last: map[kind]*repetition{}}
	return l.write
}

type eventLog struct {
	logger *slog.Logger

	mu   sync.Mutex // guards last
	last map[kind]*repetition
}

// kind is the part of an event that makes it a repetition of another. There
// are few kinds: statuses have three digits.
type kind struct {
	outcome   Outcome
	op        string
	status    int
	userError bool
}

type repetition struct {
	written    time.Time
	suppressed int
}

func (l *eventLog) write(ctx context.Context, e Event) {
	level := e.Level()
	if !l.logger.Enabled(ctx, level) {
		return
	}
	if !e.isReportedOnce() && (level >= slog.LevelWarn || e.unauthenticated()) {
		suppressed, due := l.due(kind{e.Outcome, e.Op, e.UpstreamStatus, e.UserError})
		if !due {
			return
		}
		e.Repeated = suppressed
	}
	l.logger.LogAttrs(ctx, level, "crossmint session", e.LogValue().Group()...)
}

// isReportedOnce reports whether e names a mistake that its source does not report
// again. A second mistake of the same kind has another cause, so its line counts.
func (e *Event) isReportedOnce() bool { return e.Outcome == Misconfigured && e.Op != "store" }

// unauthenticated reports whether any client can cause e, without a signature
// of upstream.
func (e *Event) unauthenticated() bool {
	switch e.Outcome {
	case Rejected, SignInFailed, CodeSent, CodeNotSent:
		return true
	}
	return (e.Outcome == SignedOut || e.Outcome == LoggedOut) && e.UserID == ""
}

// due reports whether an event of this kind is to be written now, and the
// number of events that were suppressed before it.
func (l *eventLog) due(k kind) (suppressed int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r := l.last[k]
	if r == nil {
		l.last[k] = &repetition{written: now}
		return 0, true
	}
	if now.Sub(r.written) < repeatInterval {
		r.suppressed++
		return 0, false
	}
	suppressed, r.written, r.suppressed = r.suppressed, now, 0
	return suppressed, true
}
