package redis_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// wrapped is an upstream with the methods of session.Upstream only, as a program
// wraps one for its metrics.
type wrapped struct{ session.Upstream }

func TestInstanceWithWrappedUpstreamIsMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		s.age()
		fake, err := crossminttest.New(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		f := &fleet{t: t, fake: fake}
		w := newWay(t, s.Addr())
		wrap := func(client *crossmint.Client) session.Upstream { return wrapped{client} }
		well := newInstanceOf(t, fake.Config(), s.URL(), redis.Config{}, wrap)
		cut := newInstanceOf(t, fake.Config(), w.URL(), redis.Config{}, wrap)
		s.wantMembers(2)
		jwt, refresh := f.expired("ada@example.com")
		w.cut(true)
		if got := cut.get(jwt, refresh); got.Status != http.StatusOK {
			t.Fatalf("the one that is cut off: status %d", got.Status)
		}
		if well.get(jwt, refresh).signedOut() {
			t.Error("a live session is signed out")
		}
	})
}

// setBack moves the scores forward, as if the clock of the store was set back.
const setBack = `local n = redis.call('TIME')[1] * 1000
local d = n - redis.call('ZSCORE', KEYS[1], redis.call('ZRANGE', KEYS[1], 0, 0)[1])
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], d + 1000, m) end
return 1`

func TestStoreClockIsSetBack(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f, well, cut, w := newCut(t, s)
		jwt, refresh := f.expired("ada@example.com")
		w.cut(true)
		if got := cut.get(jwt, refresh); got.Status != http.StatusOK {
			t.Fatalf("the one that is cut off: status %d", got.Status)
		}
		s.do("EVAL", setBack, "1", s.keysOf("crossmint:present:*")[0])
		time.Sleep(2200 * time.Millisecond) // the other instance sends a heartbeat by the new clock
		if well.get(jwt, refresh).signedOut() {
			t.Error("a live session is signed out")
		}
	})
}

// A solo refusal that could not be committed need not be known to the fleet.
func TestLostRefusalKeepsNoInstanceMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f, well, cut, w := newCut(t, s)
		junkJWT, junk := f.expired("junk@example.com")
		f.fake.Revoke(junk)
		w.cut(true)
		if got := cut.get(junkJWT, junk); got.Status != http.StatusUnauthorized {
			t.Fatalf("the one that is cut off: status %d", got.Status)
		}
		time.Sleep(15 * time.Second) // until the instance gives it up
		w.cut(false)
		coordinatortest.Eventually(t, "refusals were definite again", func() bool {
			time.Sleep(time.Second)
			jwt, gone := f.expired("grace@example.com")
			f.fake.Revoke(gone)
			return well.get(jwt, gone).signedOut()
		})
	})
}

// A closed instance is not missing, even if its connection was just restored.
func TestInstanceClosedAfterAnOutageIsNotMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		_, _, cut, w := newCut(t, s)
		w.cut(true)
		time.Sleep(5 * time.Second) // its pauses between tries have grown
		w.cut(false)
		if err := cut.sessions.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.wantMembers(1)
	})
}
