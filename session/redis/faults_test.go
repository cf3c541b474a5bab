package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

// quick has the timeout of production.
var quick = redis.Config{Timeout: 250 * time.Millisecond}

// failures are the ways in which a store fails and recovers.
var failures = []struct {
	name          string
	fail, restore func(s *store) error
}{
	{"down", func(s *store) error { s.Kill(); return nil }, (*store).Up},
	{"hanging", (*store).Freeze, (*store).Thaw},
	{"full", config("maxmemory", "1"), config("maxmemory", "0")},
	{"a replica after a failover", command("REPLICAOF", "127.0.0.1", "1"), command("REPLICAOF", "NO", "ONE")},
	{"without permission", command("ACL", "SETUSER", "default", "-@scripting"), command("ACL", "SETUSER", "default", "+@all")},
}

func command(words ...string) func(s *store) error {
	return func(s *store) error { return s.do(words...).Error() }
}

func config(name, value string) func(s *store) error { return command("CONFIG", "SET", name, value) }

func TestWithoutStore(t *testing.T) {
	for _, failure := range failures {
		t.Run(failure.name, func(t *testing.T) {
			onPair(t, quick, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
				coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
				coordinatortest.Do(t, b, "warm", &coordinatortest.Calls{})
				if err := failure.fail(s); err != nil {
					t.Fatal(err)
				}
				calls := &coordinatortest.Calls{}
				if got := coordinatortest.Do(t, a, "a", calls); got != "a'" {
					t.Errorf("got %s", got)
				}
				wantRefusal(t, b, "b", definite)
				if err := failure.restore(s); err != nil {
					t.Fatal(err)
				}
				untilShared(t, a, b)
			})
		})
	}
}

// untilShared waits until each instance gets the grants of the other.
func untilShared(t *testing.T, a, b *protocol.Coordinator) {
	t.Helper()
	n := 0
	coordinatortest.Eventually(t, "the instances shared refreshes again", func() bool {
		calls := &coordinatortest.Calls{}
		n++
		coordinatortest.Do(t, a, fmt.Sprint("a-", n), calls)
		coordinatortest.Do(t, b, fmt.Sprint("a-", n), calls)
		coordinatortest.Do(t, b, fmt.Sprint("b-", n), calls)
		coordinatortest.Do(t, a, fmt.Sprint("b-", n), calls)
		return calls.Exchanged.Load() == 2
	})
}

func TestStoreIsDownAtTheStart(t *testing.T) {
	onPair(t, quick, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		s.Kill()
		calls := &coordinatortest.Calls{}
		coordinatortest.Do(t, a, "a", calls)
		coordinatortest.Do(t, b, "b", calls)
		calls.WantExchanged(t, 2)
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		untilShared(t, a, b)
	})
}

func TestGrantOfAnOutageIsSharedLater(t *testing.T) {
	onPair(t, redis.Config{Timeout: 2 * time.Second, Grace: time.Minute}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
		if err := s.Freeze(); err != nil {
			t.Fatal(err)
		}
		calls := &coordinatortest.Calls{}
		coordinatortest.Do(t, a, "a", calls)
		if err := s.Thaw(); err != nil {
			t.Fatal(err)
		}
		// The store now takes the lock for a call that has gone on without it.
		// The commit releases the lock.
		third := newCoordinator(t, s.URL(), redis.Config{})
		if got := coordinatortest.Do(t, third, "a", calls); got != "a'" {
			t.Errorf("got %s", got)
		}
		calls.WantExchanged(t, 1)
	})
}

func TestStoreFailsDuringARefresh(t *testing.T) {
	release := make(chan struct{})
	onPair(t, redis.Config{Timeout: 2 * time.Second, Grace: time.Minute}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		calls := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}
		var pair sync.WaitGroup
		pair.Go(func() { coordinatortest.Do(t, a, "a", calls) })
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
		pair.Go(func() {
			if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
				t.Errorf("the follower got %q", got)
			}
		})
		s.wantFollower()
		if err := s.Freeze(); err != nil {
			t.Fatal(err)
		}
		release <- struct{}{}
		time.AfterFunc(3*time.Second, func() { _ = s.Thaw() }) // longer than an operation may take
		pair.Wait()
		calls.WantExchanged(t, 1) // a follower never asks upstream
	})
}

func TestStoreIsFlushedDuringARefresh(t *testing.T) {
	release := make(chan struct{})
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		calls, got := &coordinatortest.Calls{Exchange: coordinatortest.Held(release)}, make(chan string)
		go func() { got <- coordinatortest.Do(t, a, "a", calls) }()
		coordinatortest.Eventually(t, "upstream was asked", func() bool { return calls.Exchanged.Load() == 1 })
		s.do("FLUSHALL")
		wantRefusal(t, b, "a", definite)
		release <- struct{}{}
		if first := <-got; first != "a'" {
			t.Errorf("got %s", first)
		}
		if second := coordinatortest.Do(t, b, "a", calls); second != "a'" {
			t.Errorf("the other instance got %s, want the grant of the first", second)
		}
		calls.WantExchanged(t, 1)
	})
}

func TestStoreHangsFromTheStart(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepted atomic.Int64
	var conns sync.WaitGroup
	conns.Go(func() { hang(listener, &accepted) })
	t.Cleanup(func() { _ = listener.Close(); conns.Wait() })
	seen := &events{}
	c := newCoordinator(t, "redis://"+listener.Addr().String(), redis.Config{Timeout: 50 * time.Millisecond, OnEvent: seen.Record})
	calls := &coordinatortest.Calls{}
	for n := range 500 {
		coordinatortest.Do(t, c, fmt.Sprint(n), calls)
	}
	calls.WantExchanged(t, 500)
	if n := accepted.Load(); n > 50 {
		t.Errorf("the store was tried %d times for 500 refreshes", n)
	}
	if n := seen.Count(event.StoreDegraded); n == 0 || n > 2 {
		t.Errorf("%d events, want one for the refreshes, and later one for the logouts", n)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// hang accepts connections and never responds.
func hang(listener net.Listener, accepted *atomic.Int64) {
	var conns []net.Conn
	for {
		conn, err := listener.Accept()
		if err != nil {
			break
		}
		accepted.Add(1)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// panickingHandler is a log handler that panics.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("handler") }

// A panic of the logger in a goroutine of the coordinator would end the process.
func TestPanicInTheLogger(t *testing.T) {
	t.Parallel()
	c, err := redis.New(redis.Config{URL: session.NewSecret("redis://127.0.0.1:1"), Secret: secret, Logger: slog.New(panickingHandler{slog.DiscardHandler})})
	if err != nil {
		t.Fatal(err)
	}
	c.OnDeny(func([32]byte, time.Time) {})
	time.Sleep(time.Second) // it tries to connect, and reports the failure
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
