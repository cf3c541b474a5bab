package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
	"github.com/redis/rueidis"
)

// The heartbeat tells the instances which of them can reach the store. An
// instance that cannot refreshes solo, and refusals are uncertain then: the token
// may have a successor that only this instance knows.
const (
	// beatEvery is the time between two heartbeats.
	beatEvery = time.Second
	// silence is the time without a heartbeat after which an instance counts as
	// missing: two heartbeats may be late.
	silence = 2500 * time.Millisecond
	// aloneAfter is the time without a heartbeat after which an instance
	// refreshes solo. It is longer than silence by more than clocks differ in
	// rate.
	aloneAfter = 3 * time.Second
	// memberAge is the time for which a missing instance is expected back with
	// outcomes to publish: longer than most outages.
	memberAge = 10 * time.Minute
)

// A presence sends the heartbeat of its instance, unless the instance works
// without the store or has unpublished outcomes.
type presence struct {
	store *store
	late  *latecomers
	id    string // random

	turn sync.Mutex // held while a heartbeat is sent

	mu      sync.Mutex // guards all below
	started bool
	hushed  int       // calls without the store
	last    time.Time // the last heartbeat, sent or tried
	// clock is the store's time at heard, unless the last heartbeat failed.
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
		for ok := true; ok; ok = backoff.Sleep(p.store.stopped, beatEvery) {
			p.beat(p.store.stopped)
		}
	})
}

// beat sends a heartbeat. If the last one failed, beat first asks the time, so
// that a store that hangs cannot accept the heartbeat later.
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
	last := time.Now().Add(p.store.timeout) // a heartbeat that fails may be accepted until then
	if p.say(ctx, p.id, by) {
		last = time.Now()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = last
}

// say sends a heartbeat that expires at a time of the store, or asks the time.
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

// deadline returns the time, by the store's clock, until which a heartbeat that
// is sent now may be accepted.
func (p *presence) deadline() (by time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock + time.Since(p.heard) + p.store.timeout, !p.heard.IsZero()
}

// quiet reports whether the instance must not send a heartbeat.
func (p *presence) quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hushed > 0 || p.late.untold() > 0 || p.late.lost(memberAge)
}

// hush stops the heartbeat until release is called.
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

// silent reports whether the other instances count this one as missing, or have
// never had a heartbeat of it. The heartbeat is stopped.
func (p *presence) silent() bool {
	if !p.turn.TryLock() {
		return false // a heartbeat is being sent
	}
	defer p.turn.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last.IsZero() || time.Since(p.last) >= aloneAfter
}

// misses reports whether an instance may be missing.
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

// leave ends the heartbeat. With unpublished outcomes the instance stays listed
// as missing.
func (p *presence) leave(ctx context.Context) {
	p.hush()
	p.turn.Lock()
	defer p.turn.Unlock()
	backoff.Sleep(ctx, time.Until(p.last)) // a heartbeat that failed may still be accepted
	if !p.last.IsZero() && !p.late.lost(memberAge) {
		_ = p.store.leave(ctx, p.id) // on an error the entry expires
	}
}

// present sends a heartbeat, or with "" none, and returns the store's time.
func (s *store) present(ctx context.Context, id string, by time.Duration) (time.Duration, error) {
	r, err := s.run(ctx, opPresence, present, []string{members + s.deployment}, id, millis(by), millis(memberAge))
	if err != nil || len(r) != 1 {
		return 0, unexpected(err)
	}
	return duration(r[0])
}

// absent returns the number of instances that are missing.
func (s *store) absent(ctx context.Context) (int, error) {
	r, err := s.run(ctx, opRefresh, absent, []string{members + s.deployment}, millis(silence))
	if err != nil || len(r) != 1 {
		return 0, unexpected(err)
	}
	return strconv.Atoi(r[0])
}

// leave removes the instance from the store.
func (s *store) leave(ctx context.Context, id string) error {
	// Without the breaker, because the store may have just recovered.
	_, err := s.within(ctx, func(ctx context.Context, client rueidis.Client) ([]string, error) {
		return leave.Exec(ctx, client, []string{members + s.deployment}, []string{id}).AsStrSlice()
	})
	return err
}
