package redis_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
)

// What a store that has gone wrong, or somebody who writes to it, can put in
// place of what follows the token "a".
var garbage = []struct {
	name  string
	write func(s *store, record, value string)
}{
	{"an empty value", func(s *store, _, value string) { s.do("SET", value, "") }},
	{"a text", func(s *store, _, value string) { s.do("SET", value, "gibberish") }},
	{"a long text", func(s *store, _, value string) {
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

func TestGarbageIsAMiss(t *testing.T) {
	for _, g := range garbage {
		t.Run(g.name, func(t *testing.T) {
			onPair(t, redis.Config{Grace: time.Minute}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				do(t, a, "a", &errand{})
				value := s.keysOf("*:value")[0]
				do(t, a, "other", &errand{})
				g.write(s, strings.TrimSuffix(value, ":value"), value)
				work := &errand{}
				if got := do(t, b, "a", work); got != "a'" {
					t.Errorf("got %s", got)
				}
				work.wantAsked(t, 1)
				do(t, a, "a", work)
				work.wantAsked(t, 1)
			})
		})
	}
}

func TestGarbageLeavesADoubt(t *testing.T) {
	for _, g := range garbage[1:] {
		t.Run(g.name, func(t *testing.T) {
			onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				do(t, a, "a", &errand{})
				value := s.keysOf("*:value")[0]
				do(t, a, "other", &errand{})
				g.write(s, strings.TrimSuffix(value, ":value"), value)
				if !doubtful(t, fail(t, b, "a", &errand{ask: refuse})) {
					t.Error("the refusal is not in doubt")
				}
			})
		})
	}
}

func TestMemoryThatIsNoTimeIsNone(t *testing.T) {
	for _, text := range []string{"nan", "-nan", "inf", "-1", "0.5", "tomorrow", ""} {
		t.Run(text, func(t *testing.T) {
			onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
				for part := range 256 {
					s.do("SET", fmt.Sprintf("crossmint:{%02x}", part), text)
				}
				if !doubtful(t, fail(t, a, "a", &errand{ask: refuse})) {
					t.Error("the refusal is not in doubt")
				}
				for part := range 256 {
					s.do("SET", fmt.Sprintf("crossmint:{%02x}", part), text)
				}
				work := &errand{}
				do(t, a, "b", work)
				do(t, b, "b", work)
				work.wantAsked(t, 1)
			})
		})
	}
}

func TestEventNamesNothingOfTheStore(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, _ *redis.Coordinator) {
		do(t, a, "a", &errand{})
		value := s.keysOf("*:value")[0]
		s.do("DEL", value)
		s.do("HSET", strings.TrimSuffix(value, ":value"), "owner", "x", "asking", "1") // he has died
		seen := &events{}
		do(t, newCoordinator(t, s.URL(), redis.Config{OnEvent: seen.add}), "a", &errand{})
		if got := seen.list(); seen.count(session.StoreDoubted) != 1 || got[0].Token != "" {
			t.Errorf("events: %+v, want one that an instance died, without a name", got)
		}
	})
}

func TestMarkBeyondAllTimesIsNone(t *testing.T) {
	onPair(t, redis.Config{}, func(t *testing.T, s *store, a, b *redis.Coordinator) {
		do(t, a, "a", &errand{})
		value := s.keysOf("*:value")[0]
		s.do("HSET", strings.TrimSuffix(value, ":value"), "out", "9999999999999") // beyond any that we write
		if got := do(t, b, "a", &errand{}); got != "a'" {
			t.Errorf("got %s", got)
		}
	})
}
