package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// How instances know of each other whether they can reach the store. Who cannot
// refreshes alone, and a refusal means nothing then: the token may have a
// successor that nobody else knows of.
const (
	// beatEvery is the time between two times that an instance says that it is
	// there.
	beatEvery = time.Second
	// silence is how long an instance says nothing until it counts as cut off:
	// two beats may be late.
	silence = 2500 * time.Millisecond
	// aloneAfter is how long an instance that says nothing waits until it
	// refreshes alone: longer than silence by more than clocks differ in rate.
	aloneAfter = 3 * time.Second
	// memberAge is for how long an instance that is silent is thought to come
	// back with something to tell: longer than most outages.
	memberAge = 10 * time.Minute
)

// A presence says in the store that its instance is there, unless the instance
// works without the store or has something untold.
type presence struct {
	store *store
	late  *latecomers
	id    string // random

	turn sync.Mutex // held while something is said

	mu      sync.Mutex // guards all below
	started bool
	hushed  int       // of those who work without the store
	last    time.Time // when the instance last said that it is there, or tried to
	// clock is the store's time as heard, unless the last beat went wrong.
	clock time.Duration
	heard time.Time
}

func newPresence(s *store, late *latecomers) *presence {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return &presence{store: s, late: late, id: hex.EncodeToString(id[:])}
}

func (p *presence) start() {
	p.mu.Lock()
	p.started = true
	p.mu.Unlock()
	p.store.running.Go(func() {
		for ok := true; ok; ok = wait(p.store.stopped, beatEvery) {
			p.beat(p.store.stopped)
		}
	})
}

// beat says that the instance is there. Where the last beat did not go well it
// first asks the time, so that a store which hangs cannot hear it later.
func (p *presence) beat(ctx context.Context) {
	p.turn.Lock()
	defer p.turn.Unlock()
	by, known := p.deadline()
	if !known {
		if !p.say(ctx, "", 0) {
			return
		}
		by, _ = p.deadline()
	}
	if p.quiet() {
		return
	}
	last := time.Now().Add(p.store.timeout) // one that fails may be heard until then
	if p.say(ctx, p.id, by) {
		last = time.Now()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = last
}

// say says an id by some time of the store, or asks the time.
func (p *presence) say(ctx context.Context, id string, by time.Duration) bool {
	clock, err := p.store.present(ctx, id, by)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock, p.heard = clock, time.Now()
	if err != nil {
		p.heard = time.Time{}
	}
	return err == nil
}

// deadline returns until when, by the store's clock, what is said now may be
// heard.
func (p *presence) deadline() (by time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock + time.Since(p.heard) + p.store.timeout, !p.heard.IsZero()
}

// quiet reports whether the instance must not say that it is there.
func (p *presence) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hushed > 0 || p.late.untold() > 0 || p.late.lost(memberAge)
}

// hush has the instance say nothing until release is called.
func (p *presence) hush() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hushed++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hushed--
	}
}

// silent reports whether the others know that this instance is cut off, as far
// as they ever knew that it is there. It is hushed.
func (p *presence) silent() bool {
	if !p.turn.TryLock() {
		return false // something is being said
	}
	defer p.turn.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.IsZero() || time.Since(p.last) >= aloneAfter
}

// misses reports whether an instance may be cut off from the store.
func (p *presence) misses(ctx context.Context) bool {
	p.mu.Lock()
	started := p.started
	p.mu.Unlock()
	if !started {
		return false
	}
	n, err := p.store.absent(ctx)
	return err != nil || n > 0
}

// leave ends it. Who leaves something untold stays missed.
func (p *presence) leave(ctx context.Context) {
	p.hush()
	p.turn.Lock()
	defer p.turn.Unlock()
	wait(ctx, time.Until(p.last)) // a beat that failed may still be heard
	if !p.last.IsZero() && !p.late.lost(memberAge) {
		_ = p.store.leave(ctx, p.id) // or it will be forgotten
	}
}

// present says that an instance is there, or with "" nothing, and returns the
// store's time.
func (s *store) present(ctx context.Context, id string, by time.Duration) (time.Duration, error) {
	r, err := s.run(ctx, opPresence, present, []string{members + s.fleet}, id, millis(by), millis(memberAge))
	if err != nil || len(r) != 1 {
		return 0, odd(err)
	}
	return duration(r[0])
}

// absent returns how many instances are silent.
func (s *store) absent(ctx context.Context) (int, error) {
	r, err := s.run(ctx, opRefresh, absent, []string{members + s.fleet}, millis(silence))
	if err != nil || len(r) != 1 {
		return 0, odd(err)
	}
	return strconv.Atoi(r[0])
}

// leave forgets an instance.
func (s *store) leave(ctx context.Context, id string) error {
	// Past the breaker: a store that has just come back is not given up on.
	_, err := s.within(ctx, func(ctx context.Context, client rueidis.Client) ([]string, error) {
		return leave.Exec(ctx, client, []string{members + s.fleet}, []string{id}).AsStrSlice()
	})
	return err
}
