package redis_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/google/go-cmp/cmp"
)

// What any session.DenyListBroadcaster must do.

type digest = [sha256.Size]byte

// learner is an instance that learns what others deny.
type learner struct {
	*redis.Coordinator
	mu     sync.Mutex // guards learnt
	learnt map[digest]int64
}

func newLearner(t *testing.T, url string, config redis.Config) *learner {
	t.Helper()
	l := &learner{Coordinator: newCoordinator(t, url, config), learnt: map[digest]int64{}}
	l.OnDeny(func(d digest, until time.Time) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.learnt[d] = until.Unix()
	})
	return l
}

// untilOf returns until when the instance denies a JWT; 0: it does not.
func (l *learner) untilOf(d digest) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.learnt[d]
}

// size returns how many denials the instance has learnt.
func (l *learner) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.learnt)
}

func digestOf(n int) digest { return sha256.Sum256([]byte(fmt.Sprint("a JWT's signed part, ", n))) }

// denialsOf returns the key of the store's denials.
func (s *store) denialsOf() string {
	s.t.Helper()
	found := s.keysOf("crossmint:denied:*")
	if len(found) != 1 {
		s.t.Fatalf("%d keys of denials, want one", len(found))
	}
	return found[0]
}

func TestDeniedJWTs(t *testing.T) {
	hour := time.Now().Add(time.Hour).Truncate(time.Second)
	t.Run("those who listen learn of them, and so do those who start later", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			a, b := newLearner(t, s.URL(), redis.Config{}), newLearner(t, s.URL(), redis.Config{})
			s.wantSubscribers(2)
			if err := a.Deny(t.Context(), digestOf(0), hour); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "the other one learns", func() bool { return b.untilOf(digestOf(0)) == hour.Unix() })
			late := newLearner(t, s.URL(), redis.Config{})
			coordinatortest.Eventually(t, "a late one learns", func() bool { return late.untilOf(digestOf(0)) == hour.Unix() })
		})
	})
	t.Run("many are learnt, page by page", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			const many = 1500
			a := newLearner(t, s.URL(), redis.Config{})
			for n := range many {
				if err := a.Deny(t.Context(), digestOf(n), hour); err != nil {
					t.Fatal(err)
				}
			}
			late := newLearner(t, s.URL(), redis.Config{})
			coordinatortest.Eventually(t, "a late one learns all", func() bool { return late.size() == many })
		})
	})
	t.Run("who was away learns what it has missed", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			a, b := newCoordinator(t, s.URL(), redis.Config{}), newLearner(t, s.URL(), redis.Config{})
			s.wantSubscribers(1)
			s.do("CLIENT", "KILL", "TYPE", "pubsub")
			if err := a.Deny(t.Context(), digestOf(0), hour); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "it learns", func() bool { return b.untilOf(digestOf(0)) == hour.Unix() })
		})
	})
	t.Run("one that is over is not told", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			a := newCoordinator(t, s.URL(), redis.Config{})
			if err := a.Deny(t.Context(), digestOf(0), time.Now()); err != nil {
				t.Fatal(err)
			}
			if found := s.keysOf("*"); len(found) > 0 {
				t.Errorf("the store holds %v", found)
			}
		})
	})
}

func TestDenialsAreBounded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		a := newCoordinator(t, s.URL(), redis.Config{})
		deny := func(n int, until time.Time) {
			t.Helper()
			if err := a.Deny(t.Context(), digestOf(n), until); err != nil {
				t.Fatal(err)
			}
		}
		deny(0, time.Now().Add(time.Hour))
		key := s.denialsOf()
		s.do("ZADD", key, "1", "long over")
		for n := range 66 { // more than there may be, of this hour and of the next
			words := []string{"ZADD", key}
			for m := range 1000 {
				words = append(words, fmt.Sprint(time.Now().Add(2*time.Hour).UnixMilli()), fmt.Sprint(n, "-", m))
			}
			s.do(words...)
		}
		deny(1, time.Now().Add(3*time.Hour))
		got, _ := s.do("ZCARD", key).AsInt64()
		if diff := cmp.Diff(int64(redis.MaxDenials), got); diff != "" {
			t.Errorf("denials (-want +got):\n%s", diff)
		}
		left, _ := s.do("PTTL", key).AsInt64()
		if week := 7 * 24 * time.Hour.Milliseconds(); left <= 0 || left > week {
			t.Errorf("they are there for %d ms", left)
		}
		late := newLearner(t, s.URL(), redis.Config{})
		coordinatortest.Eventually(t, "the one that ends last is learnt", func() bool { return late.untilOf(digestOf(1)) != 0 })
		if late.size() != 1 {
			t.Errorf("%d are learnt, want the one that is left", late.size())
		}
	})
}

func TestDenialsWithoutTheStore(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				a, b := newLearner(t, s.URL(), quick), newLearner(t, s.URL(), quick)
				s.wantSubscribers(2)
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				if err := a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
					t.Error("the fleet was told without its store")
				}
				if err := failure.mend(s); err != nil {
					t.Fatal(err)
				}
				coordinatortest.Eventually(t, "the other one learns once it is back", func() bool { return b.untilOf(digestOf(0)) != 0 })
			})
		})
	}
}

// Who can write to the store, but lacks the secret, denies nobody.
func TestMadeUpDenials(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		a, b := newLearner(t, s.URL(), redis.Config{}), newLearner(t, s.URL(), redis.Config{})
		s.wantSubscribers(2)
		hour := time.Now().Add(time.Hour)
		if err := a.Deny(t.Context(), digestOf(0), hour); err != nil {
			t.Fatal(err)
		}
		key := s.denialsOf()
		members, err := s.do("ZRANGE", key, "0", "-1").AsStrSlice()
		if err != nil || len(members) != 1 {
			t.Fatalf("%d denials, %v", len(members), err)
		}
		own := digestOf(1)
		madeUp := []string{"", "gibberish", strings.Repeat("x", 1<<16), members[0][:38] + string(own[:]), string(own[:])}
		foreign, err := redis.SealDenial(session.NewSecret(strings.Repeat("x", 32)), own, hour)
		if err != nil {
			t.Fatal(err)
		}
		madeUp = append(madeUp, foreign)
		for n := range members[0] { // the kind, the version, the expiry, all of it
			changed := []byte(members[0])
			changed[n] ^= 1
			madeUp = append(madeUp, string(changed), members[0][:n])
		}
		for _, denial := range madeUp {
			s.do("ZADD", key, fmt.Sprint(hour.UnixMilli()), denial)
			s.do("PUBLISH", key, denial)
		}
		if err := a.Deny(t.Context(), digestOf(2), hour); err != nil {
			t.Fatal(err)
		}
		late := newLearner(t, s.URL(), redis.Config{})
		want := map[digest]int64{digestOf(0): hour.Unix(), digestOf(2): hour.Unix()}
		for _, l := range []*learner{b, late} {
			coordinatortest.Eventually(t, "it learns the one that came last", func() bool { return l.untilOf(digestOf(2)) != 0 && l.size() >= 2 })
			l.mu.Lock()
			if diff := cmp.Diff(want, l.learnt); diff != "" {
				t.Errorf("learnt (-want +got):\n%s", diff)
			}
			l.mu.Unlock()
		}
		s.do("DEL", key)
		s.do("LPUSH", key, "x")
		if err := a.Deny(t.Context(), digestOf(3), hour); err != nil {
			t.Errorf("a list in place of the denials: %v", err)
		}
	})
}

func TestDenialTellsNothing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		messages := s.overhear(t.Context())
		a := newCoordinator(t, s.URL(), redis.Config{})
		n := 0
		coordinatortest.Eventually(t, "a message", func() bool {
			n++
			if err := a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			subscribers, _ := s.do("PUBSUB", "NUMPAT").AsInt64()
			return n > 10 && subscribers > 0
		})
		_ = a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)) // the last one is said for sure
		var digests []string
		for i := range n {
			d := digestOf(i + 1)
			digests = append(digests, string(d[:]), fmt.Sprintf("%x", d))
		}
		dump := s.dump()
		dump["messages"] = strings.Join(messages(), "\n")
		wantNone(t, dump, digests)
	})
}

func TestClosedCoordinatorDeniesNothing(t *testing.T) {
	c := newCoordinator(t, "redis://127.0.0.1:1", redis.Config{})
	if err := c.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.OnDeny(func(digest, time.Time) { t.Error("something was learnt") })
	if err := c.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
		t.Error("a coordinator that is closed tells the fleet")
	}
}

// A logout at one instance is one everywhere, for the JWT, too.
func TestLogoutDeniesTheJWTOnFleet(t *testing.T) {
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{}, redis.Config{})
		s.wantSubscribers(fleetSize)
		jwt, refresh := f.valid("ada@example.com")
		for _, i := range f.instances {
			if got := i.get(jwt, refresh); got.Status != http.StatusOK {
				t.Fatalf("before: status %d", got.Status)
			}
		}
		if err := f.instances[0].sessions.Logout(t.Context(), material(jwt, refresh), session.Secret{}); err != nil {
			t.Fatal(err)
		}
		want := answer{Status: http.StatusUnauthorized} // cookies kept
		late := newInstance(t, f.fake.Config(), s.URL(), redis.Config{})
		for _, i := range append(f.instances, late) {
			coordinatortest.Eventually(t, "the JWT is denied", func() bool { return i.get(jwt, refresh) == want })
		}
	})
}
