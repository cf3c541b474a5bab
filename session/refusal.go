package session

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/ttlmap"
)

// One process cannot know whether another has exchanged a refused token a moment
// ago. So the first refusal deletes nothing: a marker cookie notes its time, and the
// browser is asked to send the request again, with the cookies that it has by then.
// Only a second refusal, long after the first, deletes the cookies.
const (
	// askAgainDelay is the time that the response of another process needs to
	// reach the browser.
	askAgainDelay = time.Second
	// minClearAge is the least time between the first refusal and the one that
	// deletes the cookies. It is as long as any process or store may hold a
	// successor of the token that no browser has.
	minClearAge = bounds.UsedTTL
	// maxClearDelay is the longest time that a request may have waited for the
	// refusal that deletes its cookies. Another instance may have responded to a
	// request with the same token meanwhile, and the user may have signed in
	// since.
	maxClearDelay = time.Second
	// maxRefusals bounds the remembered first refusals, of about 100 bytes each:
	// more than the limiter for forged tokens lets pass in minClearAge.
	maxRefusals = 1 << 16
)

var errRefusedOnce = errors.New("upstream has refused the refresh token for the first time; the browser may have a newer one")

// isAskAgain reports whether the browser should send its request again at once.
func isAskAgain(err error) bool {
	var up *UpstreamError
	return errors.As(err, &up) && up.AskAgain
}

// askAgain returns the error for a first refusal. It is not ErrRefused, and keeps
// the status for events.
func askAgain(refusal error) *UpstreamError {
	err := &UpstreamError{Kind: ErrUnavailable, Op: "refresh", RetryAfter: askAgainDelay, AskAgain: true, Err: errRefusedOnce}
	var up *UpstreamError
	if errors.As(refusal, &up) {
		err.Status = up.Status
	}
	return err
}

// rejections gathers the refresh tokens of a request that are of no use.
type rejections struct {
	all       []Secret
	asked     int  // of them, those that upstream was asked about
	uncertain bool // upstream has not definitely refused all of them
	last      error
}

func (r *rejections) contains(token Secret) bool { return slices.ContainsFunc(r.all, token.Equal) }

// add notes a refusal or a logout. It returns false for any other error.
func (r *rejections) add(token Secret, shared Shared, err error) bool {
	var up *UpstreamError
	switch {
	case errors.Is(err, ErrLoggedOut):
		// The response to the logout deletes the cookies. This response may
		// arrive after a new sign-in, and must not.
		r.uncertain = true
	case errors.As(err, &up) && up.kind() == ErrRefused: //nolint:errorlint // Kind is one of three sentinels
		r.uncertain = r.uncertain || up.Uncertain
	default:
		return false
	}
	r.all = append(r.all, token)
	r.last = err
	if !shared.Cached {
		r.asked++
	}
	return true
}

// refusedMomentsAgo reports whether the marker makes another upstream call
// needless.
func (o *operation) refusedMomentsAgo() bool {
	return !o.refusedAt.IsZero() && time.Since(o.refusedAt) < bounds.RejectedTTL
}

// refusalError returns the error for a request whose tokens are all rejected.
func (m *Manager) refusalError(o *operation, r *rejections) error {
	rejected := notAuthenticated(messageNotValid, r.last)
	if r.uncertain || o.keepCookies {
		return rejected
	}
	o.rejected = r.all
	rejected.Refused = true
	k, now := m.hasher.key(r.all[0]), time.Now()
	first := m.refusals.first(k, now)
	if !o.refusedAt.IsZero() {
		first = o.refusedAt
	}
	switch age := now.Sub(first); {
	case age >= 0 && age < askAgainDelay:
		return askAgain(r.last)
	case time.Since(o.started) > maxClearDelay:
	case !o.refusedAt.IsZero() && age >= minClearAge && !m.keyMonitor.isSuspect():
		rejected.Clear = m.refusals.clearOnce(k, now)
	}
	return rejected
}

// refusals remembers the first refusal of tokens, for browsers that do not store
// the marker: they are asked again once. It also remembers which cookies were
// deleted. A second deletion could arrive after a new sign-in.
type refusals struct {
	mu     sync.Mutex // guards tokens
	tokens *ttlmap.Map[tokenKey, refusal]
}

type refusal struct {
	first   time.Time
	cleared bool
}

func newRefusals() *refusals {
	return &refusals{tokens: ttlmap.New[tokenKey, refusal](minClearAge, maxRefusals)}
}

// first notes a refusal at the time now. It returns the time of the first one.
func (r *refusals) first(k tokenKey, now time.Time) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, found := r.tokens.Get(k); found {
		return known.first
	}
	r.tokens.Put(k, refusal{first: now})
	return now
}

// clearOnce reports whether the cookies have to be deleted: it returns true once
// for each token.
func (r *refusals) clearOnce(k tokenKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, found := r.tokens.Get(k); found && known.cleared {
		return false
	}
	r.tokens.Put(k, refusal{first: now, cleared: true})
	return true
}
