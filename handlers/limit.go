package handlers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// The limits of a sign-in. Each holds for one process. None goes by a
// client's address: behind a proxy that is the proxy's, and forwarded headers
// say what their sender likes.
const (
	// limitWindow is how long what was taken counts: as long as a pending
	// sign-in lives, so that no second window opens for its code.
	limitWindow = 10 * time.Minute
	// sendsPerAddress is for a user who mistypes, or whose e-mail is slow. It
	// keeps others from filling an inbox.
	sendsPerAddress = 5
	// triesPerSignIn is how many wrong codes an e-mail may get: five guesses
	// at one in a million.
	triesPerSignIn = 5
	// sendsOfAll within sendsWindow is what everybody together may cause:
	// e-mails cost money and reputation. It leaves room for a newsletter's
	// readers, who all come at once.
	sendsOfAll  = 100
	sendsWindow = 10 * time.Second
	// maxInFlight calls at once are more than upstream needs when it is well.
	maxInFlight = 64
	// maxCounted bounds what a quota remembers. sendsOfAll lets no more than
	// 6,100 addresses, and as many sign-ins, come in one window.
	maxCounted = 8192
)

// A quota is how often each of many names may take something within a time
// that begins with the first. It keeps the HMACs of names, so that nobody
// finds addresses in its memory. Their key lies behind a second pointer, which
// fmt does not follow.
type quota struct {
	most   int
	within time.Duration
	secret *[sha256.Size]byte

	mu     sync.Mutex // guards counts
	counts map[nameKey]count
}

type nameKey [sha256.Size]byte

type count struct {
	taken int
	until time.Time
}

func newQuota(most int, within time.Duration) *quota {
	q := &quota{most: most, within: within, secret: new([sha256.Size]byte), counts: map[nameKey]count{}}
	_, _ = rand.Read(q.secret[:]) // never fails
	return q
}

// take reports whether name may take one more, and counts it if so. Whom a
// full memory cannot count may not.
func (q *quota) take(name string) bool {
	key, now := q.key(name), time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	c, known := q.counts[key]
	if !known || !now.Before(c.until) {
		if !known && !q.room(now) {
			return false
		}
		c = count{until: now.Add(q.within)}
	}
	if c.taken >= q.most {
		return false
	}
	c.taken++
	q.counts[key] = c
	return true
}

// giveBack undoes a take.
func (q *quota) giveBack(name string) {
	key := q.key(name)
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.counts[key]
	if c.taken--; c.taken <= 0 {
		delete(q.counts, key) // else what was refused would fill the memory
		return
	}
	q.counts[key] = c
}

// room reports whether one more name can be counted, once those whose time is
// over are forgotten. q.mu is held.
func (q *quota) room(now time.Time) bool {
	if len(q.counts) < maxCounted {
		return true
	}
	for key, c := range q.counts {
		if !now.Before(c.until) {
			delete(q.counts, key)
		}
	}
	return len(q.counts) < maxCounted
}

func (q *quota) key(name string) (k nameKey) {
	mac := hmac.New(sha256.New, q.secret[:])
	mac.Write([]byte(name))
	mac.Sum(k[:0])
	return k
}

// gate lets a number of calls in at once, and makes none wait.
type gate chan struct{}

func (g gate) enter() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }
