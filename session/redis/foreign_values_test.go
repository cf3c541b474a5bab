package redis_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
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
		s.do("HSET", record, "owner", "x", "until", "tomorrow", "out", "nan", "rotated", "inf", "doubt", "-1", "asking", "?")
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

func TestForeignValueMakesRefusalsUncertain(t *testing.T) {
	for _, g := range foreignValues[1:] {
		t.Run(g.name, func(t *testing.T) {
			onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
				value := s.keysOf("*:value")[0]
				coordinatortest.Do(t, a, "other", &coordinatortest.Calls{})
				g.write(s, strings.TrimSuffix(value, ":value"), value)
				wantRefusal(t, b, "a", uncertain)
			})
		})
	}
}

func TestInvalidAgeOfTheStore(t *testing.T) {
	for _, text := range []string{"nan", "-nan", "inf", "-1", "0.5", "tomorrow", ""} {
		t.Run(text, func(t *testing.T) {
			onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				for part := range 256 {
					s.do("SET", fmt.Sprintf("crossmint:{%02x}", part), text)
				}
				wantRefusal(t, a, "a", uncertain)
				for part := range 256 {
					s.do("SET", fmt.Sprintf("crossmint:{%02x}", part), text)
				}
				calls := &coordinatortest.Calls{}
				coordinatortest.Do(t, a, "b", calls)
				coordinatortest.Do(t, b, "b", calls)
				calls.WantExchanged(t, 1)
			})
		})
	}
}

func TestEventHasNoNameOfTheStore(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, _ *redis.Coordinator) {
		coordinatortest.Do(t, a, "a", &coordinatortest.Calls{})
		value := s.keysOf("*:value")[0]
		s.do("DEL", value)
		s.do("HSET", strings.TrimSuffix(value, ":value"), "owner", "x", "asking", "1") // it has died
		seen := &events{}
		coordinatortest.Do(t, newCoordinator(t, s.URL(), redis.Config{OnEvent: seen.Record}), "a", &coordinatortest.Calls{})
		if seen.Count(event.StoreDegraded) != 1 || seen.All()[0].Token != "" {
			t.Errorf("events: %+v, want one for the dead instance, without a name", seen.All())
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
