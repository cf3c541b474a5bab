package redis_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/redis"
)

// foreignValues are values in place of the successor of the token "a", as a broken
// store or a party that can write to it may leave them.
var foreignValues = []struct {
	name  string
	write func(s *store, record, value string)
}{
	{"an empty value", func(s *store, _, value string) { s.do("SET", value, "") }},
	{"a string", func(s *store, _, value string) { s.do("SET", value, "gibberish") }},
	{"a long string", func(s *store, _, value string) {
		s.do("SET", value, "g\x01"+string(make([]byte, 1<<20)))
	}},
	{"the last byte changed", func(s *store, _, value string) {
		sealed, _ := s.do("GET", value).ToString()
		last := len(sealed) - 1
		s.do("SETRANGE", value, strconv.Itoa(last), string([]byte{sealed[last] ^ 1}))
	}},
	{"a later expiry", func(s *store, _, value string) { s.do("SETRANGE", value, "2", "\x00\x00\x7f") }},
	{"another kind", func(s *store, _, value string) { s.do("SETRANGE", value, "0", "r") }},
	{"another token's value", func(s *store, _, value string) {
		for _, other := range s.keysOf("*:value") {
			if other != value {
				s.do("COPY", other, value, "REPLACE")
			}
		}
	}},
	{"a list for a value", func(s *store, _, value string) { s.do("DEL", value); s.do("LPUSH", value, "x") }},
	{"a list for a record", func(s *store, record, value string) {
		s.do("DEL", record, value)
		s.do("LPUSH", record, "x")
	}},
	{"words for times", func(s *store, record, value string) {
		s.do("DEL", value)
		s.do("HSET", record, "owner", "x", "until", "tomorrow", "out", "nan", "rotated", "inf")
	}},
}

func TestForeignValueCountsAsAbsent(t *testing.T) {
	for _, g := range foreignValues {
		t.Run(g.name, func(t *testing.T) {
			onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
				value := s.keysOf("*:value")[0]
				coordinatortest.Do(t, a, "other", &coordinatortest.Calls{})
				g.write(s, strings.TrimSuffix(value, ":value"), value)
				calls := &coordinatortest.Calls{}
				if got := coordinatortest.Do(t, b, "a", calls); got != "a'" {
					t.Errorf("got %s", got)
				}
				calls.WantExchanged(t, 1)
				coordinatortest.Do(t, a, "a", calls)
				calls.WantExchanged(t, 1)
			})
		})
	}
}

func TestRefusalBesideAForeignValue(t *testing.T) {
	for _, g := range foreignValues {
		t.Run(g.name, func(t *testing.T) {
			onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
				value := s.keysOf("*:value")[0]
				coordinatortest.Do(t, a, "other", &coordinatortest.Calls{})
				g.write(s, strings.TrimSuffix(value, ":value"), value)
				if err := coordinatortest.DoError(t, b, "a", &coordinatortest.Calls{Exchange: coordinatortest.Refuse}); !errors.Is(err, session.ErrRefused) {
					t.Errorf("err = %v, want a refusal", err)
				}
			})
		})
	}
}

func TestEventHasNoNameOfTheStore(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		seen := &events{}
		c := newCoordinator(t, s.URL(), redis.Config{OnEvent: seen.Record})
		coordinatortest.Do(t, c, "a", &coordinatortest.Calls{})
		name := strings.Split(s.keysOf("*:value")[0], ":")[2]
		s.Kill()
		coordinatortest.Do(t, c, "a", &coordinatortest.Calls{})
		if seen.Count(event.StoreDegraded) == 0 {
			t.Error("no event reports the outage")
		}
		for _, e := range seen.All() {
			if e.Token != "" || strings.Contains(e.Err.Error(), name) {
				t.Errorf("the event has the name: %+v", e)
			}
		}
	})
}

func TestTombstoneInTheFarFuture(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
		value := s.keysOf("*:value")[0]
		s.do("HSET", strings.TrimSuffix(value, ":value"), "out", "9999999999999") // later than any real tombstone
		if got := coordinatortest.Do(t, b, "a", &coordinatortest.Calls{}); got != "a'" {
			t.Errorf("got %s", got)
		}
	})
}
