package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// unknownKidCooldown is the least time between two fetches that unknown kids
	// of browsers' tokens cause. Forged kids cause no more fetches than that.
	unknownKidCooldown = 30 * time.Second
	// urgentCooldown is the least time between two fetches while there are no
	// keys at all, or when a token that upstream has sent names a new one.
	urgentCooldown = time.Second
	// backgroundCooldown is the least time between two fetches of keys that are
	// due.
	backgroundCooldown = 10 * time.Second
	// fetchTimeout is short, so that a hanging fetch does not keep a process
	// without keys from noticing that upstream is available again.
	fetchTimeout = 4 * time.Second
	// propagationTimeout is the time that a new key may take to appear in the
	// published set, through the caches in between.
	propagationTimeout = time.Minute
	// maxNewKids bounds the names of new keys that are remembered.
	maxNewKids = 16
	// warningInterval is the least time between two warnings about keys.
	warningInterval = 5 * time.Minute
)

// fetcher holds the current keys and fetches newer ones. A caller waits for a
// fetch only if the key that it needs is unknown.
type fetcher struct {
	config Config
	now    func() time.Time // the only clock of this package; tests set it

	current   atomic.Pointer[KeySet]
	createdAt time.Time
	due       atomic.Int64 // time of the next background fetch, as elapsed

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu          sync.Mutex // guards all below
	running     *fetchRun
	lastAttempt time.Time            // start of the last fetch
	lastForKid  time.Time            // of them, the last that a browser's token caused
	lastErr     error                // of the last fetch that has ended
	newKids     map[string]time.Time // kids of received tokens, with their first time
	lastWarning time.Time
}

func newFetcher(config Config) *fetcher {
	ctx, cancel := context.WithCancel(context.Background())
	return &fetcher{
		config: config, now: time.Now, createdAt: time.Now(), ctx: ctx, cancel: cancel, newKids: map[string]time.Time{},
	}
}

func (f *fetcher) close() {
	f.mu.Lock() // so that start cannot be between its check of ctx and its wg.Add
	f.cancel()
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fetcher) fetchedAt() time.Time {
	if s := f.current.Load(); s != nil {
		return s.fetchedAt
	}
	return time.Time{}
}

// elapsed converts a time into the duration since f was created. Durations are
// cheap to compare.
func (f *fetcher) elapsed(now time.Time) time.Duration { return now.Sub(f.createdAt) }

// refreshIfDue starts a background fetch when it is due. It reports whether
// there are keys that may be trusted.
func (f *fetcher) refreshIfDue(elapsed time.Duration) (trusted bool) {
	s := f.current.Load()
	if s == nil {
		return false
	}
	if int64(elapsed) >= f.due.Load() {
		f.start(backgroundCooldown)
	}
	return elapsed < s.trustedUntil
}

// trusted returns the keys that may be trusted now, or nil.
func (f *fetcher) trusted() *KeySet {
	if !f.refreshIfDue(f.elapsed(f.now())) {
		return nil
	}
	return f.current.Load()
}

// keysFor returns the keys that may have signed p, and the set that they are in.
// ErrKeysUnavailable means that such a key may exist, any other error that none
// exists. The caller began to ask at the given time.
func (f *fetcher) keysFor(ctx context.Context, p *parsedToken, received bool, asked time.Time) ([]*key, *KeySet, error) {
	s := f.trusted()
	for isNew := false; ; {
		if keys := s.keysFor(p); keys != nil {
			return keys, s, nil
		}
		if isNew {
			return nil, nil, f.missingKey(s, p, received)
		}
		newer, err := f.refetch(ctx, s, s == nil || received)
		if err != nil {
			return nil, nil, err
		}
		isNew = newer == nil || newer == s || !newer.fetchedAt.Before(asked) // else its fetch was running already
		if newer != nil {
			s = newer
		}
	}
}

// replacedKeys returns the keys of a set newer than s that may have signed p. The
// signature of p fits none in s, and upstream may have changed a key without a new
// name. The error is ErrKeysUnavailable. It occurs for received tokens only: a
// browser's token with a wrong signature is invalid.
func (f *fetcher) replacedKeys(ctx context.Context, p *parsedToken, s *KeySet, received bool) ([]*key, error) {
	newer, err := f.refetch(ctx, s, received)
	if received && newer == nil {
		if err == nil {
			err = f.unavailable()
		}
		return nil, fmt.Errorf("%w, and the token's signature does not fit the known one", err)
	}
	return newer.keysFor(p), nil
}

// refetch waits for keys that are newer than the known ones. It returns nil
// during a cooldown, and an error if the fetch failed.
func (f *fetcher) refetch(ctx context.Context, known *KeySet, urgent bool) (*KeySet, error) {
	start := f.startForKid
	if urgent {
		start = func() *fetchRun { return f.start(urgentCooldown) }
	}
	run := start()
	if run == nil {
		if s := f.trusted(); s != known {
			return s, nil // a fetch has ended since the caller looked
		}
		return nil, nil
	}
	if err := f.wait(ctx, run); err != nil {
		return nil, keysUnavailable(err)
	}
	return f.trusted(), nil
}

// missingKey returns the error for a token whose key is not in s.
func (f *fetcher) missingKey(s *KeySet, p *parsedToken, received bool) error {
	if s == nil || f.now().Sub(s.fetchedAt) > unknownKidCooldown || f.hasFailed() {
		return f.unavailable()
	}
	if received && !f.hasPropagated(p.kid, s.fetchedAt) {
		return fmt.Errorf("%w: %w yet", ErrKeysUnavailable, unknownKey(p))
	}
	return unknownKey(p)
}

// isWithdrawn reports whether a key that upstream no longer publishes has signed
// p. The error is that of findKey.
func (f *fetcher) isWithdrawn(p *parsedToken, err error) bool {
	if !errors.Is(err, ErrUnknownKey) && !errors.Is(err, errSignature) {
		return false
	}
	s := f.trusted()
	return s != nil && s.signedByWithdrawn(p, f.elapsed(f.now()))
}

// hasFailed reports whether the latest fetch stored no keys.
func (f *fetcher) hasFailed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hasFailedLocked()
}

// hasPropagated reports whether keys that were fetched at the given time have to
// contain the kid of a received token. Caches in between may lag behind a key
// rotation.
func (f *fetcher) hasPropagated(kid string, fetchedAt time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, known := f.newKids[kid]
	if !known {
		if len(f.newKids) >= maxNewKids {
			clear(f.newKids)
		}
		f.newKids[kid] = f.now()
		return false
	}
	return fetchedAt.Sub(first) >= propagationTimeout
}
