package verify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A fetchRun is one running fetch. done is closed when it ends.
type fetchRun struct {
	done chan struct{}
	err  error
}

// start returns the running fetch, or a new one. It returns nil if the last one
// began less than cooldown ago.
func (f *fetcher) start(cooldown time.Duration) *fetchRun {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.running == nil && !isWithin(cooldown, f.lastAttempt, now) {
		f.startLocked(now)
	}
	return f.running
}

// startForKid is start for a kid that a browser's token names. Only such fetches
// use up the cooldown: a new key can appear just after any other fetch. After a
// failed fetch it waits like a fetch that is due.
func (f *fetcher) startForKid() *fetchRun {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	switch {
	case f.running != nil:
	case isWithin(unknownKidCooldown, f.lastForKid, now):
	case f.hasFailedLocked() && isWithin(backgroundCooldown, f.lastAttempt, now):
	default:
		f.startLocked(now)
		f.lastForKid = now
	}
	return f.running
}

// hasFailedLocked reports whether a fetch has begun after that of the current
// keys: it has failed, or is running.
func (f *fetcher) hasFailedLocked() bool {
	s := f.current.Load()
	return s == nil || f.lastAttempt.After(s.fetchedAt)
}

// isWithin reports whether now is less than cooldown after last. The clock may
// have been set back.
func isWithin(cooldown time.Duration, last, now time.Time) bool {
	since := now.Sub(last)
	return !last.IsZero() && since >= 0 && since < cooldown
}

// startLocked starts a fetch, unless f is closed.
func (f *fetcher) startLocked(now time.Time) {
	if f.ctx.Err() != nil {
		return
	}
	run := &fetchRun{done: make(chan struct{}), err: errors.New("the fetch has ended its goroutine")} // a transport called runtime.Goexit
	f.running, f.lastAttempt = run, now
	f.due.Store(int64(f.elapsed(now) + backgroundCooldown))
	f.wg.Add(1)
	go f.run(run, now)
}

// run executes one fetch. It belongs to no caller: a caller that stops waiting
// leaves it running for the others.
func (f *fetcher) run(run *fetchRun, startedAt time.Time) {
	defer f.wg.Done()
	defer func() {
		if recovered := recover(); recovered != nil {
			run.err = fmt.Errorf("fetching keys panicked: %v", recovered)
		}
		closed := f.ctx.Err() != nil
		switch {
		case run.err == nil:
		case closed:
			run.err = errClosed
		default:
			run.err = f.fetchError(run.err)
		}
		f.mu.Lock()
		f.running, f.lastErr = nil, run.err
		f.mu.Unlock()
		close(run.done)
		if run.err != nil && !closed {
			f.warn("signing keys could not be fetched", "error", run.err.Error())
		}
	}()
	run.err = f.fetchAndStore(startedAt)
}

func (f *fetcher) fetchAndStore(startedAt time.Time) error {
	ctx, cancel := context.WithTimeout(f.ctx, fetchTimeout)
	defer cancel()
	data, err := f.config.Fetch(ctx)
	if err != nil {
		return err
	}
	set, err := ParseKeySet(data)
	if err != nil {
		return err
	}
	if len(set.Warnings) > 0 {
		f.warn("signing keys were left out or are unusual", "keys", set.Warnings)
	}
	elapsed := f.elapsed(startedAt)
	if old := f.current.Load(); old != nil {
		set.replace(old, elapsed)
	}
	set.fetchedAt, set.trustedUntil = startedAt, elapsed+f.config.MaxAge
	f.current.Store(set)
	f.due.Store(int64(elapsed + f.config.RefreshAfter))
	return nil
}

// errClosed reports that Close was called, for example by a defer in a function
// that returns the client.
var errClosed = errors.New("the client is closed")

// fetchError adds the URL to the error of a fetch.
func (f *fetcher) fetchError(err error) error { return fmt.Errorf("GET %s: %w", f.config.URL, err) }

// wait returns the error of the fetch, or that of ctx.
func (f *fetcher) wait(ctx context.Context, run *fetchRun) error {
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return f.fetchError(ctx.Err())
	}
}

// unavailable returns ErrKeysUnavailable with the error of the last fetch. That is
// only a string in it: it does not classify the token.
func (f *fetcher) unavailable() error {
	f.mu.Lock()
	cause := f.lastErr
	f.mu.Unlock()
	if f.ctx.Err() != nil {
		cause = errClosed
	}
	return keysUnavailable(cause)
}

func keysUnavailable(cause error) error {
	if cause == nil {
		return ErrKeysUnavailable
	}
	return fmt.Errorf("%w: %v", ErrKeysUnavailable, cause) //nolint:errorlint // see unavailable
}

// preload fetches keys unless there are trusted ones.
func (f *fetcher) preload(ctx context.Context) error {
	if f.trusted() != nil {
		return nil
	}
	run := f.start(0)
	if run == nil {
		return errClosed
	}
	return f.wait(ctx, run)
}

// warn logs at most once in warningInterval.
func (f *fetcher) warn(message string, args ...any) {
	f.mu.Lock()
	now := f.now()
	due := f.lastWarning.IsZero() || now.Sub(f.lastWarning) >= warningInterval || now.Before(f.lastWarning)
	if due {
		f.lastWarning = now
	}
	f.mu.Unlock()
	if due {
		defer func() { _ = recover() }() // a panic of the log handler must not end the process
		f.config.Logger.Warn("crossmint: "+message, args...)
	}
}
