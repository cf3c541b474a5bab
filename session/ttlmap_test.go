package session

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestTTLMap(t *testing.T) {
	bubble := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	bubble("deleted entries evict no others", func(t *testing.T) {
		m := newTTLMap[int](time.Hour, 100)
		key := func(i int) tokenKey { return tokenKey{byte(i), byte(i >> 8), byte(i >> 16)} }
		m.put(key(0), 7)
		for i := 1; i < 10_000; i++ {
			m.put(key(i), i)
			m.delete(key(i))
		}
		if v, found := m.get(key(0)); !found || v != 7 {
			t.Error("the entry is lost")
		}
		if len(m.order) > 200 {
			t.Errorf("%d records are left", len(m.order))
		}
	})
	bubble("an entry may expire early, but not late", func(t *testing.T) {
		m := newTTLMap[int](time.Hour, 100)
		m.putUntil(tokenKey{1}, 1, time.Now().Add(2*time.Hour))
		m.putUntil(tokenKey{2}, 2, time.Now().Add(time.Minute))
		m.putUntil(tokenKey{3}, 3, time.Now().Add(-time.Minute))
		want := func(wanted ...int) {
			t.Helper()
			var got []int
			for i := range 4 {
				if v, found := m.get(tokenKey{byte(i)}); found {
					got = append(got, v)
				}
			}
			if !slices.Equal(got, wanted) {
				t.Errorf("got %v, want %v", got, wanted)
			}
		}
		want(1, 2)
		time.Sleep(time.Minute)
		want(1)
		time.Sleep(time.Hour)
		want()
		if m.put(tokenKey{4}, 4); len(m.entries) != 1 || len(m.order) != 1 {
			t.Errorf("%d entries and %d records are left", len(m.entries), len(m.order))
		}
	})
	bubble("a full map evicts the oldest entries; a put makes an entry young again", func(t *testing.T) {
		m := newTTLMap[int](time.Hour, 100)
		for i := range 150 {
			m.put(tokenKey{byte(i)}, i)
			time.Sleep(time.Millisecond)
		}
		if _, found := m.get(tokenKey{49}); found || len(m.entries) != 100 {
			t.Errorf("%d entries", len(m.entries))
		}
		m.put(tokenKey{50}, 1)
		m.put(tokenKey{200}, 1)
		if _, found := m.get(tokenKey{50}); !found {
			t.Error("the entry that was put again is evicted")
		}
	})
}

// The keys and fingerprints of two processes differ, so an event does not
// identify a token outside its process.
func TestHasher(t *testing.T) {
	token := NewSecret("refresh-token")
	a, b := newHasher(), newHasher()
	if a.key(token) == b.key(token) || a.fingerprint(token) == b.fingerprint(token) {
		t.Errorf("%s identifies the token in every process", a.fingerprint(token))
	}
	if a.key(token) != a.key(NewSecret("refresh-token")) {
		t.Error("one process has two keys for one token")
	}
	if got := a.fingerprint(Secret{}); got != "" {
		t.Errorf("no token has the fingerprint %q", got)
	}
}
