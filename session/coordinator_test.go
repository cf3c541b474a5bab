package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// errand is Work that counts and can be told what to do.
type errand struct {
	ask    func(ctx context.Context, token Secret) (*Grant, error)
	judge  func(*Grant) error
	revoke func(*Grant)

	asked, judged, revoked atomic.Int64
}

func (e *errand) Ask(ctx context.Context, token Secret) (*Grant, error) {
	e.asked.Add(1)
	if e.ask == nil {
		return successor(token), nil
	}
	return e.ask(ctx, token)
}

func (e *errand) Judge(_ context.Context, g *Grant) error {
	e.judged.Add(1)
	if e.judge == nil {
		return nil
	}
	return e.judge(g)
}

func (e *errand) Revoke(_ context.Context, g *Grant) {
	e.revoked.Add(1)
	if e.revoke != nil {
		e.revoke(g)
	}
}

// successor is the grant of an upstream that appends a prime to a token.
func successor(token Secret) *Grant {
	return &Grant{RefreshToken: RefreshToken{Secret: NewSecret(token.Reveal() + "'")}}
}

func slow(d time.Duration) func(context.Context, Secret) (*Grant, error) {
	return func(ctx context.Context, token Secret) (*Grant, error) {
		select {
		case <-time.After(d):
			return successor(token), nil
		case <-ctx.Done():
			return nil, &UpstreamError{Delivery: TimedOut, Err: ctx.Err()}
		}
	}
}

func newTestLocal(t *testing.T, next Coordinator) *local {
	t.Helper()
	c := newLocal(next, newHasher(), defaultGrace, func(_ context.Context, e Event) { t.Logf("event: %s %v", e.Outcome, e.Err) })
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// do is Do that wants a grant for token, and returns its refresh token.
func do(t *testing.T, c Coordinator, token string, work Work) string {
	t.Helper()
	shared, err := c.Do(t.Context(), NewSecret(token), work)
	if err != nil {
		t.Fatalf("Do(%s): %v", token, err)
	}
	return shared.Grant.RefreshToken.Secret.Reveal()
}

// bubble runs a test in which only the bubble's time passes.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestOneRefreshPerToken(t *testing.T) {
	for _, latency := range []time.Duration{50 * time.Millisecond, 2500 * time.Millisecond, 8 * time.Second} {
		bubble(t, latency.String(), func(t *testing.T) {
			c, work := newTestLocal(t, nil), &errand{ask: slow(latency)}
			var herd sync.WaitGroup
			for range 1000 {
				herd.Go(func() {
					if got := do(t, c, "a", work); got != "a'" {
						t.Errorf("got %s", got)
					}
				})
			}
			herd.Wait()
			if n := work.asked.Load(); n != 1 {
				t.Errorf("upstream was asked %d times", n)
			}
		})
	}
	bubble(t, "two tokens, two refreshes", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		do(t, c, "b", work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
}

func TestGrace(t *testing.T) {
	bubble(t, "the old token gets the same grant for ten seconds, however often it comes", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		for range 9 {
			time.Sleep(time.Second)
			do(t, c, "a", work)
		}
		if n := work.asked.Load(); n != 1 {
			t.Errorf("upstream was asked %d times within the grace", n)
		}
		time.Sleep(1100 * time.Millisecond)
		do(t, c, "a", work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want a late token to reach it", n)
		}
	})
	bubble(t, "through a chain the newest is given", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		time.Sleep(4 * time.Second)
		do(t, c, "a'", work)
		time.Sleep(4 * time.Second)
		if got := do(t, c, "a", work); got != "a''" {
			t.Errorf("got %s, want the newest", got)
		}
		time.Sleep(3 * time.Second) // a's grace is over, that of a' is not
		if got := do(t, c, "a'", work); got != "a''" {
			t.Errorf("got %s, want the newest", got)
		}
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
	bubble(t, "an upstream that does not rotate is asked again", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{ask: func(_ context.Context, token Secret) (*Grant, error) {
			return &Grant{RefreshToken: RefreshToken{Secret: token}}, nil
		}}
		do(t, c, "a", work)
		do(t, c, "a", work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
}

func TestCallersComeAndGo(t *testing.T) {
	bubble(t, "who goes away stops nobody, and finds the grant when he returns", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: slow(2 * time.Second)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Do(ctx, NewSecret("a"), work); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("err = %v, want the context's", err)
		}
		time.Sleep(50 * time.Minute) // nobody has the grant: it is kept beyond the grace
		if got := do(t, c, "a", work); got != "a'" {
			t.Errorf("got %s", got)
		}
		time.Sleep(9 * time.Second) // and others get it for the grace that now runs
		do(t, c, "a", work)
		if n := work.asked.Load(); n != 1 {
			t.Errorf("upstream was asked %d times", n)
		}
		time.Sleep(2 * time.Second)
		do(t, c, "a", work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want the grace to end", n)
		}
	})
	bubble(t, "the values of the first caller's context stay", func(t *testing.T) {
		type key struct{}
		c := newTestLocal(t, nil)
		work := &errand{ask: func(ctx context.Context, token Secret) (*Grant, error) {
			if ctx.Value(key{}) != "trace" {
				t.Error("the context's values are gone")
			}
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the refresh has no deadline")
			}
			return successor(token), nil
		}}
		if _, err := c.Do(context.WithValue(t.Context(), key{}, "trace"), NewSecret("a"), work); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRefusals(t *testing.T) {
	refuse := func(context.Context, Secret) (*Grant, error) { return nil, &UpstreamError{Kind: Refused, Status: 401} }
	bubble(t, "a definite no is remembered for thirty seconds", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: refuse}
		for range 29 {
			if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrRefused) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(time.Second)
		}
		if n := work.asked.Load(); n != 1 {
			t.Errorf("upstream was asked %d times", n)
		}
		time.Sleep(2 * time.Second)
		_, _ = c.Do(t.Context(), NewSecret("a"), work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("upstream was asked %d times, want it to be asked again", n)
		}
	})
	bubble(t, "an outage is not remembered", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{ask: func(context.Context, Secret) (*Grant, error) { return nil, &UpstreamError{Kind: Unavailable} }}
		for range 3 {
			if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
		}
		if n := work.asked.Load(); n != 3 {
			t.Errorf("upstream was asked %d times", n)
		}
	})
	bubble(t, "the refusal of a token that was rotated here is in doubt", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		time.Sleep(time.Minute)
		_, err := c.Do(t.Context(), NewSecret("a"), &errand{ask: refuse})
		var up *UpstreamError
		if !errors.As(err, &up) || !up.Doubtful {
			t.Errorf("err = %#v, want a doubtful refusal: the successor lives", err)
		}
		_, err = c.Do(t.Context(), NewSecret("b"), &errand{ask: refuse})
		if !errors.As(err, &up) || up.Doubtful {
			t.Errorf("err = %#v, want a plain refusal", err)
		}
	})
}

func TestSuccessorThatCannotBeJudged(t *testing.T) {
	cannotTell := func(*Grant) error { return &UpstreamError{Kind: Unavailable, Op: "keys"} }
	bubble(t, "is kept, and judged again before upstream is asked again", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{judge: cannotTell}
		for range 9 {
			if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
			time.Sleep(time.Minute)
		}
		work.judge = nil
		if got := do(t, c, "a", work); got != "a'" || work.asked.Load() != 1 || work.judged.Load() != 10 {
			t.Errorf("got %s, asked %d, judged %d times", got, work.asked.Load(), work.judged.Load())
		}
	})
	bubble(t, "is given up after ten minutes", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{judge: cannotTell}
		_, _ = c.Do(t.Context(), NewSecret("a"), work)
		time.Sleep(keptAge + time.Second)
		_, _ = c.Do(t.Context(), NewSecret("a"), work)
		if n := work.asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
	bubble(t, "is dropped once it is known to be false", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{judge: func(*Grant) error { return &UpstreamError{Kind: Malformed} }}
		for range 2 {
			if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrMalformed) {
				t.Fatalf("err = %v", err)
			}
		}
		if n := work.asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
	bubble(t, "is exchanged on when its key is gone, as long as it takes", func(t *testing.T) {
		keyGone := &UpstreamError{Kind: Malformed, Err: ErrJWTKeyUnknown}
		verdicts := map[string]error{"a'": keyGone, "a''": &UpstreamError{Kind: Malformed}}
		c := newTestLocal(t, nil)
		work := &errand{judge: func(g *Grant) error { return verdicts[g.RefreshToken.Secret.Reveal()] }}
		for range 2 { // the answer to a' is false
			if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("err = %v", err)
			}
		}
		delete(verdicts, "a''")
		if got := do(t, c, "a", work); got != "a''" || work.asked.Load() != 3 {
			t.Errorf("got %s, asked %d times", got, work.asked.Load())
		}
	})
	bubble(t, "is kept when judging it panics", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{judge: func(*Grant) error { panic("judge") }}
		_, _ = c.Do(t.Context(), NewSecret("a"), work)
		work.judge = nil
		if do(t, c, "a", work); work.asked.Load() != 1 {
			t.Errorf("asked %d times", work.asked.Load())
		}
	})
}

func TestLogoutMark(t *testing.T) {
	bubble(t, "a refresh that ends on it revokes what it got", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: slow(time.Second)}
		result := make(chan error)
		go func() {
			_, err := c.Do(t.Context(), NewSecret("a"), work)
			result <- err
		}()
		synctest.Wait()
		if _, err := c.Logout(t.Context(), NewSecret("a")); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, ErrLoggedOut) {
			t.Errorf("err = %v", err)
		}
		if synctest.Wait(); work.revoked.Load() != 1 {
			t.Errorf("revoked %d times", work.revoked.Load())
		}
		if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrLoggedOut) {
			t.Errorf("afterwards: %v", err)
		}
	})
	bubble(t, "an old token's covers all that follows it", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		do(t, c, "a'", work)
		followers, err := c.Logout(t.Context(), NewSecret("a"))
		if err != nil || len(followers) != 2 || followers[1].RefreshToken.Secret.Reveal() != "a''" {
			t.Fatalf("followers = %v, %v; want both, the newest last", followers, err)
		}
		for _, token := range []string{"a", "a'", "a''"} {
			if _, err := c.Do(t.Context(), NewSecret(token), work); !errors.Is(err, ErrLoggedOut) {
				t.Errorf("%s: %v", token, err)
			}
		}
	})
	bubble(t, "an old token's reaches the refresh of its successor", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "a", work)
		work.ask = slow(time.Second)
		go func() { _, _ = c.Do(t.Context(), NewSecret("a'"), work) }()
		synctest.Wait()
		_, _ = c.Logout(t.Context(), NewSecret("a"))
		time.Sleep(2 * time.Second)
		if work.revoked.Load() != 1 {
			t.Errorf("revoked %d times", work.revoked.Load())
		}
	})
	bubble(t, "a kept successor is handed out to be revoked", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{judge: func(*Grant) error { return &UpstreamError{Kind: Unavailable} }}
		_, _ = c.Do(t.Context(), NewSecret("a"), work)
		followers, _ := c.Logout(t.Context(), NewSecret("a"))
		if len(followers) != 1 || followers[0].RefreshToken.Secret.Reveal() != "a'" {
			t.Errorf("followers = %v", followers)
		}
	})
	bubble(t, "it reaches a refresh whose successor cannot be judged", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{ask: slow(time.Second), judge: func(*Grant) error { return &UpstreamError{Kind: Unavailable} }}
		go func() { _, _ = c.Do(t.Context(), NewSecret("a"), work) }()
		synctest.Wait()
		_, _ = c.Logout(t.Context(), NewSecret("a"))
		time.Sleep(2 * time.Second)
		if work.revoked.Load() != 1 {
			t.Errorf("revoked %d times", work.revoked.Load())
		}
	})
}

func TestPanicsAreContained(t *testing.T) {
	bubble(t, "waiters are freed and the next may try", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{ask: func(context.Context, Secret) (*Grant, error) {
			time.Sleep(time.Second)
			panic("ask")
		}}
		var herd sync.WaitGroup
		for range 100 {
			herd.Go(func() {
				if _, err := c.Do(t.Context(), NewSecret("a"), work); !errors.Is(err, ErrUnavailable) {
					t.Errorf("err = %v", err)
				}
			})
		}
		herd.Wait()
		work.ask = nil
		do(t, c, "a", work)
		if flights, waiters := c.load(); flights != 0 || waiters != 0 {
			t.Errorf("%d flights, %d waiters are left", flights, waiters)
		}
	})
	bubble(t, "in a revocation, too", func(t *testing.T) {
		c := newTestLocal(t, nil)
		work := &errand{ask: slow(time.Second), revoke: func(*Grant) { panic("revoke") }}
		go func() { _, _ = c.Do(t.Context(), NewSecret("a"), work) }()
		synctest.Wait()
		_, _ = c.Logout(t.Context(), NewSecret("a"))
		time.Sleep(2 * time.Second)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseCoordinator(t *testing.T) {
	bubble(t, "waits for what is in flight", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: slow(5 * time.Second)}
		got := make(chan string, 1)
		go func() { got <- do(t, c, "a", work) }()
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if <-got != "a'" {
			t.Error("the refresh in flight was lost")
		}
		if _, err := c.Do(t.Context(), NewSecret("b"), work); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
	})
	bubble(t, "ends it when its patience ends", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: slow(time.Hour)}
		go func() { _, _ = c.Do(t.Context(), NewSecret("a"), work) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestCloseWithoutFlights(t *testing.T) {
	c := newTestLocal(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); err != nil {
		t.Errorf("nothing was in flight, yet: %v", err)
	}
}

func TestCoordinatorIsBounded(t *testing.T) {
	bubble(t, "flights", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{ask: slow(time.Second)}
		for i := range maxFlights {
			go func() { _, _ = c.Do(t.Context(), NewSecret(fmt.Sprint("a", i)), work) }()
		}
		synctest.Wait()
		if _, err := c.Do(t.Context(), NewSecret("one more"), work); !errors.Is(err, ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		time.Sleep(2 * time.Second)
		do(t, c, "one more", work)
	})
	bubble(t, "memory", func(t *testing.T) {
		c := newTestLocal(t, nil)
		refuse := &errand{ask: func(context.Context, Secret) (*Grant, error) { return nil, &UpstreamError{Kind: Refused} }}
		for i := range maxKeys + 1000 {
			_, _ = c.Do(t.Context(), NewSecret(fmt.Sprint("r", i)), refuse)
		}
		for i := range maxGrants + 1000 {
			do(t, c, fmt.Sprint("g", i), &errand{})
		}
		if n := len(c.refusals.entries); n > maxKeys {
			t.Errorf("%d refusals are remembered", n)
		}
		if n := len(c.grants.entries); n > maxGrants {
			t.Errorf("%d grants are remembered", n)
		}
		if n := len(c.untaken.order); n > 2*maxGrants {
			t.Errorf("%d ages are remembered", n)
		}
	})
}

func TestMemory(t *testing.T) {
	bubble(t, "what was dropped takes no room from what is still wanted", func(t *testing.T) {
		m := newMemory[int](time.Hour, 100)
		key := func(i int) tokenKey { return tokenKey{byte(i), byte(i >> 8), byte(i >> 16)} }
		m.put(key(0), 7)
		for i := 1; i < 10_000; i++ {
			m.put(key(i), i)
			m.drop(key(i))
		}
		if v, found := m.get(key(0)); !found || v != 7 {
			t.Error("the entry was forgotten")
		}
		if len(m.order) > 200 {
			t.Errorf("%d ages are remembered", len(m.order))
		}
	})
	bubble(t, "what is to end early does, and the others do not", func(t *testing.T) {
		m := newMemory[int](time.Hour, 100)
		m.putUntil(tokenKey{1}, 1, time.Now().Add(2*time.Hour))
		m.putUntil(tokenKey{2}, 2, time.Now().Add(time.Minute))
		m.putUntil(tokenKey{3}, 3, time.Now().Add(-time.Minute))
		want := func(wanted ...int) {
			t.Helper()
			var got []int
			for i := range 4 {
				if v, found := m.get(tokenKey{byte(i)}); found {
					got = append(got, v)
				}
			}
			if !slices.Equal(got, wanted) {
				t.Errorf("got %v, want %v", got, wanted)
			}
		}
		want(1, 2)
		time.Sleep(time.Minute)
		want(1)
		time.Sleep(time.Hour)
		want()
		if m.put(tokenKey{4}, 4); len(m.entries) != 1 || len(m.order) != 1 {
			t.Errorf("%d entries, %d ages are remembered", len(m.entries), len(m.order))
		}
	})
	bubble(t, "at its bound it forgets the oldest, and puts them again", func(t *testing.T) {
		m := newMemory[int](time.Hour, 100)
		for i := range 150 {
			m.put(tokenKey{byte(i)}, i)
			time.Sleep(time.Millisecond)
		}
		if _, found := m.get(tokenKey{49}); found || len(m.entries) != 100 {
			t.Errorf("%d entries", len(m.entries))
		}
		m.put(tokenKey{50}, 1) // is young again
		m.put(tokenKey{200}, 1)
		if _, found := m.get(tokenKey{50}); !found {
			t.Error("an entry that was put again died of its old age")
		}
	})
}

// elsewhere is a coordinator whose grants end at a given time.
type elsewhere struct {
	Coordinator
	until time.Time
}

func (e elsewhere) Do(_ context.Context, token Secret, _ Work) (Shared, error) {
	if time.Now().After(e.until) {
		return Shared{Remembered: true}, &UpstreamError{Kind: Refused}
	}
	return Shared{Grant: successor(token), Remembered: true, Until: e.until}, nil
}

func (elsewhere) Close(context.Context) error { return nil }

func TestGraceThatBeganElsewhere(t *testing.T) {
	bubble(t, "does not begin anew", func(t *testing.T) {
		c := newTestLocal(t, elsewhere{until: time.Now().Add(3 * time.Second)})
		for range 3 {
			do(t, c, "a", nil)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Millisecond)
		shared, err := c.Do(t.Context(), NewSecret("a"), nil)
		if !errors.Is(err, ErrRefused) || !shared.Remembered {
			t.Errorf("%v, remembered: %t; want the refusal that the other one remembers", err, shared.Remembered)
		}
	})
	bubble(t, "ends here, too, where nobody has taken what it brought", func(t *testing.T) {
		c := newTestLocal(t, elsewhere{until: time.Now().Add(3 * time.Second)})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = c.Do(gone, NewSecret("a"), nil)
		time.Sleep(4 * time.Second)
		if _, err := c.Do(t.Context(), NewSecret("a"), nil); !errors.Is(err, ErrRefused) {
			t.Errorf("err = %v", err)
		}
	})
	bubble(t, "is no longer than ours", func(t *testing.T) {
		c := newTestLocal(t, elsewhere{until: time.Now().Add(time.Minute)})
		do(t, c, "a", nil)
		time.Sleep(defaultGrace + time.Millisecond)
		if _, found := c.grants.get(c.hasher.key(NewSecret("a"))); found {
			t.Error("it is longer")
		}
	})
}

func TestCoordinatorsNest(t *testing.T) {
	bubble(t, "the one behind is asked once, and told of a logout", func(t *testing.T) {
		behind := newTestLocal(t, nil)
		front, other := newTestLocal(t, behind), newTestLocal(t, behind)
		work := &errand{ask: slow(time.Second)}
		var herd sync.WaitGroup
		for range 100 {
			herd.Go(func() { do(t, front, "a", work) })
			herd.Go(func() { do(t, other, "a", work) })
		}
		herd.Wait()
		if n := work.asked.Load(); n != 1 {
			t.Errorf("upstream was asked %d times", n)
		}
		if _, err := front.Logout(t.Context(), NewSecret("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := behind.Do(t.Context(), NewSecret("a'"), work); !errors.Is(err, ErrLoggedOut) {
			t.Errorf("behind: %v", err)
		}
	})
}
