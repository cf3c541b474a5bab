package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever comes by the million fills a known room and no more: each memory
// forgets at its own bound, and all together stay below the room that is
// promised.
func TestMemoriesAreBounded(t *testing.T) {
	const grantBytes, keyBytes, markBytes = 2 << 10, 150, 100
	c, f := newTestLocal(t, nil), newEarlyFailures()
	rooms := map[string]int{
		"grants": c.grants.limit * grantBytes, "untaken": c.untaken.limit * grantBytes, "kept": c.kept.limit * grantBytes,
		"refusals": c.refusals.limit * keyBytes, "rotated": c.rotated.limit * markBytes, "marks": c.marks.limit * markBytes,
		"early failures": f.tokens.limit * markBytes,
	}
	all := 0
	for name, room := range rooms {
		if room <= 0 {
			t.Errorf("%s has room for %d bytes", name, room)
		}
		all += room
	}
	if most := 170 << 20; all > most {
		t.Errorf("there is room for %d bytes, want %d at most: %v", all, most, rooms)
	}
}

// What has ended takes no room from then on, though nobody asks for it.
func TestMemoryShrinks(t *testing.T) {
	bubble(t, "with what is put next", func(t *testing.T) {
		c := newTestLocal(t, nil)
		for i := range 1000 {
			_, _ = c.Logout(t.Context(), NewSecret(fmt.Sprint(i)))
		}
		time.Sleep(markAge)
		_, _ = c.Logout(t.Context(), NewSecret("late"))
		if len(c.marks.entries) != 1 || len(c.marks.order) != 1 {
			t.Errorf("%d entries and %d ages are remembered, want one", len(c.marks.entries), len(c.marks.order))
		}
	})
}

// When too many wait the next is told so at once; whose answer is remembered
// waits for nobody.
func TestWaitersAreBounded(t *testing.T) {
	bubble(t, "at their bound", func(t *testing.T) {
		c, work := newTestLocal(t, nil), &errand{}
		do(t, c, "known", work)
		c.waiters = maxWaiters
		_, err := c.Do(t.Context(), NewSecret("new"), work)
		if !errors.Is(err, ErrUnavailable) || RetryAfter(err) != time.Second {
			t.Errorf("one too many: %v, Retry-After %v", err, RetryAfter(err))
		}
		do(t, c, "known", work)
		c.waiters = maxWaiters - 1
		do(t, c, "new", work)
	})
}

// Of many made-up tokens that come while upstream is slow a bounded number
// waits for its turn.
func TestQueueIsBounded(t *testing.T) {
	bubble(t, "and the rest is told at once", func(t *testing.T) {
		const flood = 3000
		b := newBucket()
		ctx, cancel := context.WithCancel(t.Context())
		turned := 0
		done := make(chan bool, flood)
		for range flood {
			go func() { done <- b.enter(ctx) }()
		}
		synctest.Wait()
		for range len(done) {
			if !<-done {
				turned++
			}
		}
		if want := flood - unsignedInFlight - unsignedQueue; turned != want {
			t.Errorf("%d were turned away, want %d", turned, want)
		}
		cancel()
		synctest.Wait()
		if b.queued != 0 {
			t.Errorf("%d are left in the queue", b.queued)
		}
	})
}

// Upstream is not asked for anybody once the coordinator is closed.
func TestClosedCoordinatorAsksNobody(t *testing.T) {
	c, work := newTestLocal(t, nil), &errand{}
	do(t, c, "known", work)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), NewSecret("new"), work); !errors.Is(err, ErrUnavailable) || work.asked.Load() != 1 {
		t.Errorf("%v, upstream was asked %d times", err, work.asked.Load())
	}
	do(t, c, "known", work) // what is remembered is still an answer
}

// Two processes name one token differently: an event tells nobody which token
// it was.
func TestTokensHaveNoNameElsewhere(t *testing.T) {
	token := NewSecret("refresh-token")
	a, b := newHasher(), newHasher()
	if a.key(token) == b.key(token) || a.name(token) == b.name(token) {
		t.Errorf("%s names the token everywhere", a.name(token))
	}
	if a.key(token) != a.key(NewSecret("refresh-token")) {
		t.Error("one process knows the token by two names")
	}
}
