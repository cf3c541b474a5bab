package redis_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
)

// scripts returns how many scripts the store has run.
func (s *store) scripts() int {
	s.t.Helper()
	info, err := s.do("INFO", "commandstats").ToString()
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(`cmdstat_evalsha:calls=(\d+)`).FindStringSubmatch(info)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1]) // digits
	return n
}

func TestOperationsPerRefresh(t *testing.T) {
	onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *protocol.Coordinator) {
		coordinatortest.Do(t, a, "warm", &coordinatortest.Calls{})
		coordinatortest.Do(t, b, "warm", &coordinatortest.Calls{})
		time.Sleep(100 * time.Millisecond)
		before := s.scripts()
		cost := func() int {
			time.Sleep(100 * time.Millisecond)
			n := s.scripts() - before
			before += n
			return n
		}
		if coordinatortest.Do(t, a, "a", &coordinatortest.Calls{}); cost() != 3 {
			t.Error("a refresh does not cost 3 operations, one of them in the background")
		}
		if coordinatortest.Do(t, b, "a", &coordinatortest.Calls{}); cost() != 2 {
			t.Error("a refresh that was shared does not cost 2 operations")
		}
		coordinatortest.Do(t, b, "a'", &coordinatortest.Calls{})
		cost()
		if coordinatortest.Do(t, a, "a", &coordinatortest.Calls{}); cost() != 3 {
			t.Error("one that was followed by another does not cost 3 operations")
		}
		if coordinatortest.Logout(t, a, "b"); cost() != 1 {
			t.Error("a logout does not cost 1 operation")
		}
	})
}
