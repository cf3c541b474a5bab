package nats_test

import (
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
)

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	port, folder := freePort(t), filepath.Join(t.TempDir(), "store")
	start := func() *server.Server {
		return startServer(t, func(o *server.Options) { o.Port, o.StoreDir = port, folder })
	}
	s := start()
	var events testkit.Events
	config := nats.Config{URL: session.NewSecret(s.ClientURL()), OnEvent: events.Record}
	a, b := newCoordinator(t, config), newCoordinator(t, config)
	received := make(chan [32]byte, 10)
	b.OnDeny(func(digest [32]byte, _ time.Time) { received <- digest })
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, a, "a", calls)
	stop(s)
	if got := coordinatortest.Do(t, a, "b", calls); got != "b'" {
		t.Errorf("without the server: got %s", got)
	}
	if err := a.Deny(t.Context(), [32]byte{1}, time.Now().Add(time.Hour)); err == nil {
		t.Error("without the server a denial is shared")
	}
	start()
	for _, token := range []string{"a", "b"} {
		coordinatortest.Eventually(t, "the instances shared "+token, func() bool {
			shared, err := b.Do(t.Context(), session.NewSecret(token), (&coordinatortest.Calls{Exchange: coordinatortest.Overloaded}).Upstream())
			return err == nil && shared.Grant.RefreshToken.Secret.Reveal() == token+"'"
		})
	}
	select {
	case digest := <-received:
		if digest != [32]byte{1} {
			t.Errorf("denied %x", digest)
		}
	case <-time.After(startTimeout):
		t.Error("the denial is not received")
	}
	coordinatortest.Eventually(t, "the outage was reported", func() bool {
		return events.Has(event.StoreDegraded) && events.Has(event.StoreRecovered)
	})
}

// The bucket is deleted, like a store that is flushed.
func TestBucketIsDeleted(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	instances := newInstances(t, nats.Config{URL: session.NewSecret(s.ClientURL())})
	refreshAll(t, instances, "before", 1)
	_, js := dial(t, s.ClientURL())
	if err := js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	refreshAll(t, instances, "a", 1)
	wantShared(t, instances)
}

func TestServerHangs(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := newRelay(t, s.Addr().String())
	var events testkit.Events
	instances := newInstances(t, nats.Config{URL: session.NewSecret(r.URL()), OnEvent: events.Record})
	refreshAll(t, instances, "before", 1)
	r.freeze(true)
	started := time.Now()
	refreshAll(t, instances, "a", 10)
	t.Logf("10 refreshes while the server hangs: %v", time.Since(started))
	if !events.Has(event.StoreDegraded) {
		t.Error("the outage is not reported")
	}
	r.freeze(false)
	wantShared(t, instances)
}

// A connection to a server that hangs is given up for one to another server.
func TestOneServerOfClusterHangs(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	r := newRelay(t, servers[0].Addr().String())
	urls := r.URL() + "," + servers[1].ClientURL()
	store := openStore(t, nats.Config{URL: session.NewSecret(urls), Replicas: 3})
	coordinatortest.Eventually(t, "the store was readable", func() bool { _, err := loadRecord(store); return err == nil })
	r.freeze(true)
	coordinatortest.Eventually(t, "the store was readable by another server", func() bool { _, err := loadRecord(store); return err == nil })
}

func TestCloseWhileServerHangs(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	r := newRelay(t, s.Addr().String())
	store := openStore(t, nats.Config{URL: session.NewSecret(r.URL())})
	if _, err := loadRecord(store); err != nil {
		t.Fatal(err)
	}
	r.freeze(true)
	if _, err := loadRecord(store); err == nil {
		t.Error("a server that hangs responds")
	}
	if err := errors.Join(store.Close(), store.Close()); err != nil {
		t.Error(err)
	}
}

// A relay is the route of an instance to a server. While it is frozen, it accepts
// connections and bytes, and passes none on.
type relay struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu    sync.Mutex // guards all below
	conns []net.Conn
	thaw  chan struct{} // nil unless it is frozen
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: target}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.freeze(false)
		r.mu.Lock()
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
	})
	return r
}

func (r *relay) URL() string { return "nats://" + r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, near, far)
		r.mu.Unlock()
		r.running.Go(func() { r.forward(near, far) })
		r.running.Go(func() { r.forward(far, near) })
	}
}

func (r *relay) forward(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := src.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		thaw := r.thaw
		r.mu.Unlock()
		if thaw != nil {
			<-thaw
		}
		if _, err := dst.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (r *relay) freeze(isFrozen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if isFrozen && r.thaw == nil {
		r.thaw = make(chan struct{})
	}
	if !isFrozen && r.thaw != nil {
		close(r.thaw)
		r.thaw = nil
	}
}
