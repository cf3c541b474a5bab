package ttlmap

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
		m := New[int, int](time.Hour, 100)
		m.Put(0, 7)
		for i := 1; i < 10_000; i++ {
			m.Put(i, i)
			m.Delete(i)
		}
		if v, found := m.Get(0); !found || v != 7 {
			t.Error("the entry is lost")
		}
		if len(m.order) > 200 {
			t.Errorf("%d records are left", len(m.order))
		}
	})
	bubble("an entry may expire early, but not late", func(t *testing.T) {
		m := New[int, int](time.Hour, 100)
		m.PutUntil(1, 1, time.Now().Add(2*time.Hour))
		m.PutUntil(2, 2, time.Now().Add(time.Minute))
		m.PutUntil(3, 3, time.Now().Add(-time.Minute))
		want := func(wanted ...int) {
			t.Helper()
			var got []int
			for i := range 4 {
				if v, found := m.Get(i); found {
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
		if m.Put(4, 4); len(m.entries) != 1 || len(m.order) != 1 {
			t.Errorf("%d entries and %d records are left", len(m.entries), len(m.order))
		}
	})
	bubble("a full map evicts the oldest entries; a put makes an entry young again", func(t *testing.T) {
		m := New[int, int](time.Hour, 100)
		for i := range 150 {
			m.Put(i, i)
			time.Sleep(time.Millisecond)
		}
		if _, found := m.Get(49); found || len(m.entries) != 100 {
			t.Errorf("%d entries", len(m.entries))
		}
		m.Put(50, 1)
		m.Put(200, 1)
		if _, found := m.Get(50); !found {
			t.Error("the entry that was put again is evicted")
		}
	})
}
