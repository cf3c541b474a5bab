package verify

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fetchRun is one fetch in flight; done is closed at its end.
type fetchRun struct {
	done chan struct{}
	err  error
}

// start returns the fetch in flight, or a new one if the last began at least
// cooldown ago, or nil.
func (f *fetcher) start(cooldown time.Duration) *fetchRun {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running != nil {
		return f.running
	}
	now := f.now()
	since := now.Sub(f.attempted)
	if f.ctx.Err() != nil || !f.attempted.IsZero() && since >= 0 && since < cooldown {
		return nil
	}
	run := &fetchRun{done: make(chan struct{}), err: errors.New("the fetch has left its goroutine")} // by runtime.Goexit, in a transport
	f.running, f.attempted = run, now
	f.due.Store(int64(f.elapsed(now) + staleCooldown))
	f.wg.Add(1)
	go f.run(run, now)
	return run
}

// run owns one fetch. It belongs to no caller: whoever goes away leaves it
// running for the others.
func (f *fetcher) run(run *fetchRun, at time.Time) {
	defer f.wg.Done()
	defer func() {
		if recovered := recover(); recovered != nil {
			run.err = fmt.Errorf("fetching keys panicked: %v", recovered)
		}
		troubled := run.err != nil && f.ctx.Err() == nil // not where close has ended it
		f.mu.Lock()
		f.running = nil
		f.mu.Unlock()
		close(run.done)
		if troubled {
			f.warn("signing keys could not be fetched", "error", run.err.Error())
		}
	}()
	ctx, cancel := context.WithTimeout(f.ctx, fetchTimeout)
	defer cancel()
	data, err := f.fetch(ctx)
	if err != nil {
		run.err = err
		return
	}
	set, err := ParseKeySet(data)
	if err != nil {
		run.err = err
		return
	}
	if len(set.Warnings) > 0 {
		f.warn("signing keys were left out or are unusual", "keys", set.Warnings)
	}
	if old := f.current.Load(); old != nil {
		set.adopt(old.set)
	}
	began := f.elapsed(at)
	f.current.Store(&datedKeys{set, at, began + f.maxAge})
	f.due.Store(int64(began + f.refreshAfter))
	run.err = nil
}

func (r *fetchRun) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// preload fetches keys unless there are some.
func (f *fetcher) preload(ctx context.Context) error {
	if f.usable(f.now()) != nil {
		return nil
	}
	run := f.start(0)
	if run == nil {
		return errors.New("closed")
	}
	return run.wait(ctx)
}

// warn logs, at most once in warningInterval.
func (f *fetcher) warn(message string, args ...any) {
	f.mu.Lock()
	now := f.now()
	due := f.lastWarning.IsZero() || now.Sub(f.lastWarning) >= warningInterval || now.Before(f.lastWarning)
	if due {
		f.lastWarning = now
	}
	f.mu.Unlock()
	if due {
		defer func() { _ = recover() }() // a handler's fault must not end the process
		f.logger.Warn("crossmint: "+message, args...)
	}
}
