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
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

type digest = [sha256.Size]byte

// subscriber is an instance that receives denials.
type subscriber struct {
	*protocol.Coordinator
	mu     sync.Mutex // guards denied
	denied map[digest]int64
}

func newSubscriber(t *testing.T, url string, config redis.Config) *subscriber {
	t.Helper()
	l := &subscriber{Coordinator: newCoordinator(t, url, config), denied: map[digest]int64{}}
	l.OnDeny(func(d digest, until time.Time) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.denied[d] = until.Unix()
	})
	return l
}

// deniedUntil returns the time until which the instance denies a JWT; 0: it does not.
func (l *subscriber) deniedUntil(d digest) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.denied[d]
}

// size returns the number of denials that the instance has received.
func (l *subscriber) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.denied)
}

func digestOf(n int) digest { return sha256.Sum256([]byte(fmt.Sprint("signing input ", n))) }

func TestDenials(t *testing.T) {
	hour := time.Now().Add(time.Hour).Truncate(time.Second)
	t.Run("subscribed instances receive a denial, and so do instances that start later", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			a, b := newSubscriber(t, s.URL(), redis.Config{}), newSubscriber(t, s.URL(), redis.Config{})
			s.wantSubscribers(2)
			if err := a.Deny(t.Context(), digestOf(0), hour); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "the other instance received it", func() bool { return b.deniedUntil(digestOf(0)) == hour.Unix() })
			late := newSubscriber(t, s.URL(), redis.Config{})
			coordinatortest.Eventually(t, "a later instance received it", func() bool { return late.deniedUntil(digestOf(0)) == hour.Unix() })
		})
	})
	t.Run("an instance that starts reads many denials", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			const many = 1500
			a := newSubscriber(t, s.URL(), redis.Config{})
			for n := range many {
				if err := a.Deny(t.Context(), digestOf(n), hour); err != nil {
					t.Fatal(err)
				}
			}
			late := newSubscriber(t, s.URL(), redis.Config{})
			coordinatortest.Eventually(t, "a later instance received all", func() bool { return late.size() == many })
		})
	})
	t.Run("a disconnected instance receives the denials that it missed", func(t *testing.T) {
		t.Parallel()
		onEach(t, func(t *testing.T, s *store) {
			a, b := newCoordinator(t, s.URL(), redis.Config{}), newSubscriber(t, s.URL(), redis.Config{})
			s.wantSubscribers(1)
			s.do("CLIENT", "KILL", "TYPE", "pubsub")
			if err := a.Deny(t.Context(), digestOf(0), hour); err != nil {
				t.Fatal(err)
			}
			coordinatortest.Eventually(t, "it received the denial", func() bool { return b.deniedUntil(digestOf(0)) == hour.Unix() })
		})
	})
	t.Run("an expired denial is not published", func(t *testing.T) {
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

func TestDenialsWithoutTheStore(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, s *store) {
				a, b := newSubscriber(t, s.URL(), quick), newSubscriber(t, s.URL(), quick)
				s.wantSubscribers(2)
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				if err := a.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
					t.Error("the denial was published without the store")
				}
				if err := failure.restore(s); err != nil {
					t.Fatal(err)
				}
				coordinatortest.Eventually(t, "the other instance received it from the recovered store", func() bool { return b.deniedUntil(digestOf(0)) != 0 })
			})
		})
	}
}

func TestDenialsAreSealed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		messages := s.overhear(t.Context())
		a := newCoordinator(t, s.URL(), redis.Config{})
		n := 0
		coordinatortest.Eventually(t, "a message was received", func() bool {
			n++
			if err := a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			subscribers, _ := s.do("PUBSUB", "NUMPAT").AsInt64()
			return n > 10 && subscribers > 0
		})
		_ = a.Deny(t.Context(), digestOf(n), time.Now().Add(time.Hour)) // this one is received for certain
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
	c.OnDeny(func(digest, time.Time) { t.Error("a denial was received") })
	if err := c.Deny(t.Context(), digestOf(0), time.Now().Add(time.Hour)); err == nil {
		t.Error("a closed coordinator published a denial")
	}
}

// A logout at one instance denies the JWT in all.
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
		want := response{Status: http.StatusUnauthorized} // cookies kept
		late := newInstance(t, f.fake.Config(), s.URL(), redis.Config{})
		for _, i := range append(f.instances, late) {
			coordinatortest.Eventually(t, "the JWT was denied", func() bool { return i.get(jwt, refresh) == want })
		}
	})
}
