package verify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The pace of fetching keys.
const (
	// unknownKidCooldown is the least time between two fetches for keys that
	// tokens from browsers name: whoever sends made-up names causes no more.
	unknownKidCooldown = 30 * time.Second
	// urgentCooldown is the least time between two fetches while there are
	// no keys at all, or when upstream's own answer names a new one.
	urgentCooldown = time.Second
	// staleCooldown is the least time between two fetches in the background.
	staleCooldown = 10 * time.Second
	// fetchTimeout is short, so that a fetch which hangs does not keep a
	// process without keys from noticing that upstream is back.
	fetchTimeout = 4 * time.Second
	// propagation is how long a key that upstream's own answer names may
	// take to appear in the published set, through the caches in between.
	propagation = time.Minute
	// maxNewKids bounds the memory for such names.
	maxNewKids = 16
	// warningInterval is the least time between two warnings about keys.
	warningInterval = 5 * time.Minute
)

// fetcher holds the current keys and gets newer ones. Readers never wait for
// a fetch unless their own key is unknown.
type fetcher struct {
	fetch                func(context.Context) ([]byte, error)
	refreshAfter, maxAge time.Duration
	logger               *slog.Logger
	now                  func() time.Time

	current atomic.Pointer[datedKeys]
	born    time.Time
	due     atomic.Int64 // when to fetch in the background, as elapsed

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu          sync.Mutex // guards all below
	running     *fetchRun
	attempted   time.Time            // start of the last fetch
	newKids     map[string]time.Time // kids of upstream's answers, first seen
	lastWarning time.Time
}

type datedKeys struct {
	set   *KeySet
	at    time.Time     // start of the fetch
	until time.Duration // when they are trusted no more, as elapsed
}

func newFetcher(config Config, now func() time.Time) *fetcher {
	ctx, cancel := context.WithCancel(context.Background())
	return &fetcher{
		fetch: config.Fetch, refreshAfter: config.RefreshAfter, maxAge: config.MaxAge,
		logger: config.Logger, now: now, born: now(), ctx: ctx, cancel: cancel, newKids: map[string]time.Time{},
	}
}

func (f *fetcher) close() {
	f.mu.Lock() // so that no start is between its look at ctx and its wg.Add
	f.cancel()
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fetcher) fetchedAt() time.Time {
	if d := f.current.Load(); d != nil {
		return d.at
	}
	return time.Time{}
}

// elapsed returns the time since f was made, in which it counts: durations are
// cheap to compare.
func (f *fetcher) elapsed(now time.Time) time.Duration { return now.Sub(f.born) }

// outdated reports whether the keys are missing or too old to be trusted, and
// has newer ones fetched in the background when it is time.
func (f *fetcher) outdated(elapsed time.Duration) bool {
	d := f.current.Load()
	if d == nil {
		return true
	}
	if int64(elapsed) >= f.due.Load() {
		f.start(staleCooldown)
	}
	return elapsed >= d.until
}

// usable returns the keys that may be trusted now.
func (f *fetcher) usable(now time.Time) *datedKeys {
	if f.outdated(f.elapsed(now)) {
		return nil
	}
	return f.current.Load()
}

// find returns the keys for p. An error that is ErrCannotTell says that there
// may be one; any other that there is none.
func (f *fetcher) find(ctx context.Context, p *parsed, fresh bool) ([]*key, error) {
	d := f.usable(f.now())
	if keys := d.find(p); keys != nil {
		return keys, nil
	}
	newer, err := f.renew(ctx, d, d == nil || fresh)
	switch {
	case err != nil:
		return nil, err
	case newer != nil:
		d = newer
		if keys := d.find(p); keys != nil {
			return keys, nil
		}
	}
	return nil, f.missing(d, p, fresh)
}

// replacement returns the keys that have taken the place of those known: p's
// signature fits none of them, and upstream may have changed its key without a
// new name. It is nil where nothing has changed. An error, which is
// ErrCannotTell, comes for fresh tokens only: that a browser's is false needs no
// second look.
func (f *fetcher) replacement(ctx context.Context, p *parsed, known []*key, fresh bool) ([]*key, error) {
	d := f.usable(f.now())
	if found := d.find(p); found != nil && !slices.Equal(found, known) {
		return found, nil // by a fetch that has just ended
	}
	newer, err := f.renew(ctx, d, fresh)
	switch found := newer.find(p); {
	case fresh && newer == nil:
		//nolint:errorlint // as text: what became of the fetch is no verdict on the token
		return nil, fmt.Errorf("%w, and the token's signature does not fit the known one (%v)", ErrCannotTell, err)
	case !slices.Equal(found, known):
		return found, nil
	default:
		return nil, nil
	}
}

// renew waits for keys that are newer than those known. It returns nil where it
// is too early to fetch any, and an error where they could not be fetched.
func (f *fetcher) renew(ctx context.Context, known *datedKeys, urgent bool) (*datedKeys, error) {
	cooldown := unknownKidCooldown
	if urgent {
		cooldown = urgentCooldown
	}
	run := f.start(cooldown)
	if run == nil {
		if d := f.usable(f.now()); d != known {
			return d, nil // a fetch has ended since the caller looked
		}
		return nil, nil
	}
	if err := run.wait(ctx); err != nil {
		//nolint:errorlint // as text: what became of the fetch is no verdict on the token
		return nil, fmt.Errorf("%w: %v", ErrCannotTell, err)
	}
	return f.usable(f.now()), nil
}

func (d *datedKeys) find(p *parsed) []*key {
	if d == nil {
		return nil
	}
	return d.set.find(p)
}

// missing says what it means that p's key is not among the keys d.
func (f *fetcher) missing(d *datedKeys, p *parsed, fresh bool) error {
	if d == nil || f.now().Sub(d.at) > unknownKidCooldown {
		return ErrCannotTell
	}
	if fresh && !f.hadTime(p.kid, d.at) {
		return fmt.Errorf("%w: %w yet", ErrCannotTell, unknownKey(p))
	}
	return unknownKey(p)
}

// hadTime reports whether keys fetched at the given time should know the kid
// of an answer of upstream's: caches in between may lag behind a rotation.
func (f *fetcher) hadTime(kid string, fetched time.Time) bool {
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
	return fetched.Sub(first) >= propagation
}
