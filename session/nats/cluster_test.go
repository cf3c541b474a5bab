package nats_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
)

func inCluster(servers []*server.Server) nats.Config {
	return nats.Config{URL: session.NewSecret(urlsOf(servers)), Replicas: 3}
}

func TestStoreInCluster(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	fleettest.RunStore(t, func(t *testing.T) fleet.Store { return openStore(t, inCluster(servers)) })
	_, js := dial(t, servers[0].ClientURL())
	s, err := js.Stream(t.Context(), stream)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().Config.Replicas; got != 3 {
		t.Errorf("the bucket has %d replicas, want 3", got)
	}
}

// leader returns the leader of the bucket, or nil.
func leader(servers []*server.Server) *server.Server {
	for _, s := range servers {
		if s.Running() && s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			return s
		}
	}
	return nil
}

// stepDown makes another server the leader of the bucket, if there is a leader.
func stepDown(servers []*server.Server) {
	if s := leader(servers); s != nil {
		_ = s.JetStreamStepdownStream(server.DEFAULT_GLOBAL_ACCOUNT, stream) // else it has just lost the lead
	}
}

// whileLeadersChange runs f while each leader of the bucket steps down some time after it
// has responded.
func whileLeadersChange(t *testing.T, servers []*server.Server, f func()) {
	t.Helper()
	probe, done := openStore(t, inCluster(servers)), make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return
		case <-time.After(300 * time.Millisecond):
		}
		if _, err := loadRecord(probe); err == nil {
			stepDown(servers)
		}
	}
}

// A history is a record to which instances append IDs.
type history struct {
	t      *testing.T
	latest atomic.Uint64 // version that an instance knows

	mu       sync.Mutex // guards appended
	appended []string   // for sure
}

const historyKey = "test.history"

// add appends an ID. It returns false if it does not know whether that has taken effect.
func (h *history) add(store fleet.Store, id string) bool {
	known := h.latest.Load()
	r, err := loadRecord(store)
	if err == nil && r.Version < known {
		h.t.Errorf("a read returned the version %d after %d", r.Version, known)
	}
	for err == nil {
		var swapped bool
		if r, swapped, err = swapRecord(store, r.Version, string(r.Value)+id+" "); swapped {
			h.note(r.Version, id)
			return true
		}
	}
	return false
}

func (h *history) note(version uint64, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.appended = append(h.appended, id)
	h.latest.Store(max(version, h.latest.Load()))
}

func loadRecord(store fleet.Store) (fleet.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return store.Load(ctx, historyKey)
}

func swapRecord(store fleet.Store, version uint64, value string) (fleet.Record, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return store.Swap(ctx, historyKey, version, []byte(value), time.Hour)
}

func TestNoChangeIsLostWithItsLeader(t *testing.T) {
	t.Parallel()
	const connections, changes = 4, 200
	servers, h := startCluster(t), &history{t: t}
	whileLeadersChange(t, servers, func() {
		var all sync.WaitGroup
		for c := range connections {
			store := openStore(t, inCluster(servers))
			all.Go(func() {
				for n, done := 0, 0; done < changes; n++ {
					if h.add(store, fmt.Sprintf("%d/%d", c, n)) {
						done++
					}
				}
			})
		}
		all.Wait()
	})
	var value string
	store := openStore(t, inCluster(servers))
	coordinatortest.Eventually(t, "the record was readable", func() bool {
		r, err := loadRecord(store)
		value = string(r.Value)
		return err == nil
	})
	counts := map[string]int{}
	for id := range strings.FieldsSeq(value) {
		counts[id]++
	}
	for _, id := range h.appended {
		if counts[id] != 1 {
			t.Errorf("%s is in the record %d times", id, counts[id])
		}
	}
}

// refreshAll makes three instances refresh each of the tokens at once. It returns how
// often they asked upstream.
func refreshAll(t *testing.T, instances []*fleet.Coordinator, prefix string, tokens int) int64 {
	t.Helper()
	calls := &coordinatortest.Calls{Exchange: coordinatortest.Slow(20 * time.Millisecond)}
	for n := range tokens {
		token := fmt.Sprint(prefix, n)
		var all sync.WaitGroup
		for _, c := range instances {
			all.Go(func() {
				if got := coordinatortest.Do(t, c, token, calls); got != token+"'" {
					t.Errorf("got %s, want %s'", got, token)
				}
			})
		}
		all.Wait()
	}
	return calls.Exchanged.Load()
}

func newInstances(t *testing.T, config nats.Config) (instances []*fleet.Coordinator) {
	t.Helper()
	for range 3 {
		instances = append(instances, newCoordinator(t, config))
	}
	return instances
}

func TestLeadersChangeDuringRefreshes(t *testing.T) {
	t.Parallel()
	const tokens = 40
	servers := startCluster(t)
	instances := newInstances(t, inCluster(servers))
	refreshAll(t, instances, "before", 1) // creates the bucket
	whileLeadersChange(t, servers, func() {
		asked := refreshAll(t, instances, "a", tokens)
		t.Logf("%d tokens needed %d upstream calls", tokens, asked)
	})
	wantShared(t, instances)
}

func TestLeaderStopsDuringRefreshes(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	instances := newInstances(t, inCluster(servers))
	refreshAll(t, instances, "before", 1)
	stopping := make(chan struct{})
	go func() {
		defer close(stopping)
		time.Sleep(100 * time.Millisecond) // some refreshes are done
		stop(leader(servers))
	}()
	refreshAll(t, instances, "a", 50)
	<-stopping
	wantShared(t, instances)
}

// wantShared waits until the instances share refreshes.
func wantShared(t *testing.T, instances []*fleet.Coordinator) {
	t.Helper()
	n := 0
	coordinatortest.Eventually(t, "the instances shared refreshes", func() bool {
		n++
		return refreshAll(t, instances, fmt.Sprint("later ", n, " "), 3) == 3
	})
}
