package redis_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// A way is the connection of one instance to the store. It can be cut.
type way struct {
	listener net.Listener
	target   string
	pumps    sync.WaitGroup

	mu    sync.Mutex // guards all below
	conns []net.Conn
	isCut bool
}

func newWay(t *testing.T, target string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{listener: listener, target: target}
	w.pumps.Go(w.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut(true)
		w.pumps.Wait()
	})
	return w
}

func (w *way) URL() string { return "redis://" + w.listener.Addr().String() }

func (w *way) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.target)
		if err != nil || !w.keep(near, far) {
			_ = near.Close()
			continue
		}
		w.pumps.Go(func() { carry(near, far) })
		w.pumps.Go(func() { carry(far, near) })
	}
}

func carry(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	_, _ = io.Copy(dst, src)
}

func (w *way) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		_ = conns[1].Close()
		return false
	}
	w.conns = append(w.conns, conns...)
	return true
}

// cut cuts the way, or restores it.
func (w *way) cut(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = is
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// newCut returns a fleet of two instances, both with a heartbeat. The second one can
// be cut off.
func newCut(t *testing.T, s *store) (f *fleet, well, cut *instance, w *way) {
	t.Helper()
	s.age()
	f = &fleet{t: t}
	fake, err := crossminttest.New(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	f.fake = fake
	w = newWay(t, s.Addr())
	well = newInstance(t, fake.Config(), s.URL(), redis.Config{})
	cut = newInstance(t, fake.Config(), w.URL(), redis.Config{})
	s.wantMembers(2)
	return f, well, cut, w
}

// wantMembers waits until want instances have a heartbeat.
func (s *store) wantMembers(want int) {
	s.t.Helper()
	coordinatortest.Eventually(s.t, "the instances sent a heartbeat", func() bool { return s.members() == want })
}

func (s *store) members() int {
	n := 0
	for _, key := range s.keysOf("crossmint:present:*") {
		card, _ := s.do("ZCARD", key).ToInt64()
		n += int(card)
	}
	return n
}

// hasGrant reports whether the store has a grant.
func (s *store) hasGrant() bool {
	for _, key := range s.keysOf("*:value") {
		if value, _ := s.do("GET", key).ToString(); strings.HasPrefix(value, "g") {
			return true
		}
	}
	return false
}

func TestRefusalWhileAnotherInstanceIsCutOff(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f, well, cut, w := newCut(t, s)
		jwt, refresh := f.expired("ada@example.com")
		goneJWT, gone := f.expired("grace@example.com")
		f.fake.Revoke(gone)
		if got := well.get(goneJWT, gone); !got.signedOut() {
			t.Errorf("refused while no instance is missing: status %d, and the cookies are kept", got.Status)
		}
		w.cut(true)
		if got := cut.get(jwt, refresh); got.Status != http.StatusOK {
			t.Fatalf("the one that is cut off: status %d", got.Status)
		}
		if got, want := well.get(jwt, refresh), (response{Status: http.StatusUnauthorized}); got != want {
			t.Errorf("another one: status %d, signed out: %t; want 401 with the cookies kept", got.Status, got.signedOut())
		}
		w.cut(false)
		coordinatortest.Eventually(t, "the grant was committed", s.hasGrant)
		third := newInstance(t, f.fake.Config(), s.URL(), redis.Config{}) // it has no cached refusal
		if got := third.get(jwt, refresh); got.Status != http.StatusOK {
			t.Errorf("a third one, after the commit: status %d", got.Status)
		}
	})
}

// A rotation that is committed while upstream is asked counts, even after its grace
// period.
func TestRotationBeforeARefusal(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		calls := &coordinatortest.Calls{Exchange: func(ctx context.Context, token session.Secret) (*session.Grant, error) {
			until := fmt.Sprint(time.Now().Add(time.Minute).UnixMilli())
			for _, key := range s.keysOf("crossmint:{*}:*") {
				s.do("HSET", key, "rotated", until)
			}
			return coordinatortest.Refuse(ctx, token)
		}}
		for _, c := range []*redis.Coordinator{a, b} {
			wantRefusalOf(t, c, "a", calls, uncertain)
		}
	})
}

func TestClosedInstanceIsNotMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		_, _, cut, _ := newCut(t, s)
		if err := cut.sessions.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.members(); n != 1 {
			t.Errorf("%d instances are listed, want 1", n)
		}
	})
}

// A killed instance is missing, and refusals are uncertain.
func TestKilledInstanceIsMissing(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		f, well, _, _ := newCut(t, s)
		now, _ := s.do("TIME").AsStrSlice()
		s.do("ZADD", s.keysOf("crossmint:present:*")[0], now[0]+"000", "another instance")
		coordinatortest.Eventually(t, "the killed instance was missing", func() bool {
			jwt, gone := f.expired("ada@example.com")
			f.fake.Revoke(gone)
			return !well.get(jwt, gone).signedOut()
		})
	})
}
