package session

import (
	"context"
	"sync"
	"time"
)

// Refresh tokens that come without a correctly signed JWT may be made up.
const (
	// unsignedRate and unsignedBurst bound how many of them upstream may be
	// made to refuse, per second and at once.
	unsignedRate  = 10
	unsignedBurst = 50
	// unsignedInFlight bounds how many of them are with upstream at once.
	unsignedInFlight = 16
	// unsignedQueue bounds how many wait for that; a second's worth of
	// sign-ins at the highest rate that passes.
	unsignedQueue = 1000
)

// A bucket keeps a flood of made-up refresh tokens from upstream. Only
// refusals cost: who is accepted gives the draw back, so that sign-ins pass at
// any rate as long as nobody floods.
type bucket struct {
	slots chan struct{} // holds one element per call with upstream

	mu      sync.Mutex // guards all below
	draws   float64
	updated time.Time
	queued  int
}

func newBucket() *bucket {
	return &bucket{slots: make(chan struct{}, unsignedInFlight), draws: unsignedBurst, updated: time.Now()}
}

// enter waits for a place with upstream and takes a draw. It reports false
// where there is none, or where ctx ends first. The caller leaves after true.
func (b *bucket) enter(ctx context.Context) bool {
	if !b.queue() {
		return false
	}
	defer b.unqueue()
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	if b.draws < 1 {
		<-b.slots
		return false
	}
	b.draws--
	return true
}

// leave ends what enter began. The draw is lost only with a refusal.
func (b *bucket) leave(refused bool) {
	<-b.slots
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	if !refused {
		b.draws = min(b.draws+1, unsignedBurst)
	}
}

func (b *bucket) queue() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill()
	if b.queued >= unsignedQueue || b.draws < 1 && len(b.slots) == 0 {
		return false
	}
	b.queued++
	return true
}

func (b *bucket) unqueue() {
	b.mu.Lock()
	b.queued--
	b.mu.Unlock()
}

// refill adds what has accrued. The mutex is held.
func (b *bucket) refill() {
	now := time.Now()
	b.draws = min(b.draws+now.Sub(b.updated).Seconds()*unsignedRate, unsignedBurst)
	b.updated = now
}

// maxPerUser bounds the refreshes of one user that are with upstream at once
// without being taken for made up. A browser has one.
const maxPerUser = 8

// crowds counts the refreshes of each user that are with upstream: a correctly
// signed JWT is easily had by whoever may sign in, and made-up refresh tokens
// beside it must not take the places of all others.
type crowds struct {
	mu    sync.Mutex // guards users
	users map[string]int
}

// enter reports whether the user has room for one more, and takes it. There is
// none for nobody.
func (c *crowds) enter(user string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if user == "" || c.users[user] >= maxPerUser {
		return false
	}
	if c.users == nil {
		c.users = map[string]int{}
	}
	c.users[user]++
	return true
}

func (c *crowds) leave(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users[user]--; c.users[user] == 0 {
		delete(c.users, user)
	}
}

// The guard against a revoked API key.
const (
	// doubtUsers is how many distinct users must be refused, and none
	// accepted, within doubtWindow before refusals are doubted.
	doubtUsers  = 20
	doubtWindow = time.Minute
)

// A keyGuard notices that upstream refuses everybody: then it is the API key
// that is wrong, and not the users, who must not be signed out for it.
type keyGuard struct {
	mu      sync.Mutex // guards all below
	doubted bool
	refused map[string]time.Time // when a user was last refused
}

// doubts reports whether refusals are in doubt.
func (g *keyGuard) doubts() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.doubted
}

// refuse notes that a user was refused whose JWT is correctly signed, and
// reports whether refusals were in doubt before.
func (g *keyGuard) refuse(user string) (doubted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.doubted || user == "" {
		return g.doubted
	}
	now := time.Now()
	if g.refused == nil {
		g.refused = map[string]time.Time{}
	}
	g.refused[user] = now
	for other, at := range g.refused {
		if now.Sub(at) >= doubtWindow {
			delete(g.refused, other)
		}
	}
	if len(g.refused) >= doubtUsers {
		g.doubted, g.refused = true, nil
	}
	return false
}

// accept notes that a refresh was accepted, and reports whether that ended a
// doubt.
func (g *keyGuard) accept() (ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	ended, g.doubted, g.refused = g.doubted, false, nil
	return ended
}
