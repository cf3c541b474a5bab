package nats_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/nats-server/v2/server"
)

const stream = "KV_crossmint"

// inCluster returns a Config that tries a server first, and then the others.
func inCluster(servers []*server.Server) nats.Config {
	servers = slices.Clone(servers)
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
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

// stepDown makes another server the leader of the bucket.
func stepDown(t *testing.T, servers []*server.Server) {
	t.Helper()
	for _, s := range servers {
		if !s.Running() || !s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			continue
		}
		if err := s.JetStreamStepdownStream(server.DEFAULT_GLOBAL_ACCOUNT, stream); err != nil {
			t.Log(err)
		}
		return
	}
}

func leaderOf(t *testing.T, servers []*server.Server) *server.Server {
	t.Helper()
	var leader *server.Server
	coordinatortest.Eventually(t, "the bucket had a leader", func() bool {
		for _, s := range servers {
			if s.Running() && s.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				leader = s
			}
		}
		return leader != nil
	})
	return leader
}

// A swap whose response was lost may have taken effect, so the test counts changes that
// are certain, and those that may be.
func TestNoChangeIsLostWithItsLeader(t *testing.T) {
	t.Parallel()
	servers := startCluster(t)
	const connections, changes = 4, 300
	var (
		all  sync.WaitGroup
		mu   sync.Mutex // guards both below
		sure = map[string]bool{}
		seen = map[uint64]string{} // values by version
	)
	done := make(chan struct{})
	for c := range connections {
		store := openStore(t, inCluster(servers))
		all.Go(func() {
			for n := range changes {
				id := fmt.Sprintf(" %d/%d", c, n)
				version, value, ok := appendTo(t, store, id)
				mu.Lock()
				if ok {
					sure[id] = true
					if before, known := seen[version]; known && before != value {
						t.Errorf("version %d has two values", version)
					}
					seen[version] = value
				}
				mu.Unlock()
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(300 * time.Millisecond):
			stepDown(t, servers)
		}
	}
	var value string
	store := openStore(t, inCluster(servers))
	coordinatortest.Eventually(t, "the bucket was readable", func() bool {
		r, err := load(store, "counter")
		value = string(r.Value)
		return err == nil
	})
	counts := map[string]int{}
	for id := range strings.FieldsSeq(value) {
		counts[" "+id]++
	}
	for id := range sure {
		if counts[id] != 1 {
			t.Errorf("the change%s is in the record %d times", id, counts[id])
		}
	}
	t.Logf("%d changes of %d succeeded", len(sure), connections*changes)
}

func load(store fleet.Store, key string) (fleet.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return store.Load(ctx, key)
}

func swap(store fleet.Store, key string, version uint64, value string) (fleet.Record, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return store.Swap(ctx, key, version, []byte(value), time.Hour)
}

// appendTo appends an ID to the record. It returns false if it does not know whether
// that has taken effect.
func appendTo(t *testing.T, store fleet.Store, id string) (version uint64, value string, ok bool) {
	t.Helper()
	r, err := load(store, "counter")
	for err == nil {
		value = string(r.Value) + id
		var swapped bool
		if r, swapped, err = swap(store, "counter", r.Version, value); swapped {
			return r.Version, value, true
		}
	}
	return 0, "", false
}
