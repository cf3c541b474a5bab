package redis_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session/redis"
)

// slots is the number of slots of a cluster.
const slots = 16384

// startCluster starts a cluster of n shards, with the slots divided as by redis-cli. It
// has no replicas, so it must go on without the slots of a failed shard.
func startCluster(t *testing.T, binary string, n int) (shards []*store) {
	t.Helper()
	for range n {
		shards = append(shards, startStore(t, binary, "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-require-full-coverage", "no"))
	}
	first := shards[0]
	for i, s := range shards {
		s.addSlots(i*slots/n, (i+1)*slots/n)
		s.do("CONFIG", "SET", "cluster-node-timeout", "5000")
		host, port, _ := net.SplitHostPort(first.Addr()) // it is an address
		s.do("CLUSTER", "MEET", host, port)
	}
	for _, s := range shards {
		s.untilCluster(fmt.Sprint("cluster_known_nodes:", n), fmt.Sprint("cluster_slots_ok:", slots), "cluster_state:ok")
	}
	return shards
}

// addSlots gives slots to the store.
func (s *store) addSlots(from, to int) {
	s.t.Helper()
	words := []string{"CLUSTER", "ADDSLOTS"}
	for slot := from; slot < to; slot++ {
		words = append(words, fmt.Sprint(slot))
	}
	s.do(words...)
}

// untilCluster waits until the store says all that about its cluster.
func (s *store) untilCluster(want ...string) {
	s.t.Helper()
	coordinatortest.Eventually(s.t, fmt.Sprint("the cluster had ", want), func() bool {
		info, _ := s.do("CLUSTER", "INFO").ToString()
		for _, line := range want {
			if !strings.Contains(info, line) {
				return false
			}
		}
		return true
	})
}

// One shard of three that fails costs the sharing of its own tokens.
func TestShardFails(t *testing.T) {
	const (
		tokens = 2000
		most   = tokens * 35 / 100 // that may be refreshed twice
	)
	for _, failure := range failures[:2] {
		t.Run(failure.name, func(t *testing.T) {
			onEachServer(t, func(t *testing.T, path string) {
				shards := startCluster(t, path, 3)
				for n, shard := range shards {
					a, b := newCoordinator(t, shards[(n+1)%3].URL(), redis.Config{}), newCoordinator(t, shards[(n+2)%3].URL(), redis.Config{})
					untilShared(t, a, b)
					if err := failure.fail(shard); err != nil {
						t.Fatal(err)
					}
					var unshared atomic.Int64
					var all sync.WaitGroup
					for i := range tokens {
						all.Go(func() {
							calls := &coordinatortest.Calls{}
							token := fmt.Sprint(n, "-", i)
							coordinatortest.Do(t, a, token, calls)
							coordinatortest.Do(t, b, token, calls)
							unshared.Add(calls.Exchanged.Load() - 1)
						})
						time.Sleep(2 * time.Millisecond)
					}
					all.Wait()
					t.Logf("shard %d: %d of %d refreshes were not shared", n, unshared.Load(), tokens)
					if got := unshared.Load(); got == 0 || got > most {
						t.Errorf("shard %d: %d of %d refreshes were not shared, want at most %d", n, got, tokens, most)
					}
					if err := failure.restore(shard); err != nil {
						t.Fatal(err)
					}
					for _, s := range shards {
						s.untilCluster(fmt.Sprint("cluster_slots_ok:", slots), "cluster_state:ok")
					}
				}
			})
		})
	}
}
