package session

import (
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/ttlmap"
)

const (
	// earlyBackoffTTL is the time for which a token gets no early refresh after
	// one that failed.
	earlyBackoffTTL = 5 * time.Second
	// minRetryAfter and maxRetryAfter bound the time for which upstream is not
	// asked about a token, as UpstreamError.RetryAfter is bounded.
	minRetryAfter = time.Second
	maxRetryAfter = time.Minute
	// maxBackoffs bounds the tokens that are remembered for that, of about 150
	// bytes each.
	maxBackoffs = 1 << 14
)

// A tokenBackoff remembers the tokens that upstream is not asked about for a
// while.
type tokenBackoff struct {
	mu sync.Mutex // guards tokens
	// tokens holds the errors with Retry-After. A nil error concerns only early
	// refreshes.
	tokens *ttlmap.Map[tokenKey, *UpstreamError]
}

func newTokenBackoff() *tokenBackoff {
	return &tokenBackoff{tokens: ttlmap.New[tokenKey, *UpstreamError](maxRetryAfter, maxBackoffs)}
}

// hasEarly reports whether there should be no early refresh of k now.
func (b *tokenBackoff) hasEarly(k tokenKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, found := b.tokens.Get(k)
	return found
}

// addEarly notes that an early refresh of k has failed.
func (b *tokenBackoff) addEarly(k tokenKey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, found := b.tokens.Get(k); !found {
		b.tokens.PutUntil(k, nil, time.Now().Add(earlyBackoffTTL))
	}
}

// get returns the last error for k, with the rest of its Retry-After, if upstream
// should not be asked yet. Else it returns nil.
func (b *tokenBackoff) get(k tokenKey) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, _ := b.tokens.Get(k)
	if last == nil {
		return nil
	}
	err := *last
	err.RetryAfter = max(time.Until(b.tokens.ExpiresAt(k)), minRetryAfter)
	return &err
}

// add notes the result of a refresh of k, if upstream responds that it is
// overloaded and names a delay.
func (b *tokenBackoff) add(k tokenKey, err *UpstreamError) {
	if err.Status == 0 || err.RetryAfter <= 0 || !err.retryable() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens.PutUntil(k, err, time.Now().Add(err.RetryAfter))
}
