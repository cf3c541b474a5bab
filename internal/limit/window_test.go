package limit_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/limit"
)

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limit.NewWindow(limit.WindowConfig{Limit: 2, Duration: time.Minute, MaxNames: 10})
		if !w.Allow("ada") {
			t.Fatal("the first event was rejected")
		}
		time.Sleep(30 * time.Second)
		if !w.Allow("ada") || w.Allow("ada") {
			t.Error("the name has not exactly two events")
		}
		if !w.Allow("bob") {
			t.Error("another name was rejected")
		}
		time.Sleep(30*time.Second - time.Nanosecond)
		if w.Allow("ada") {
			t.Error("allowed just before the window ends")
		}
		time.Sleep(time.Nanosecond)
		for i, want := range []bool{true, true, false} {
			if got := w.Allow("ada"); got != want {
				t.Errorf("event %d of the next window: %v, want %v", i+1, got, want)
			}
		}
	})
}

// TestWindowBoundsNames asks for more names than the table holds.
func TestWindowBoundsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxNames = 100
		w := limit.NewWindow(limit.WindowConfig{Limit: 1, Duration: time.Minute, MaxNames: maxNames})
		allowed := 0
		for i := range maxNames + 50 {
			if w.Allow(fmt.Sprint(i)) {
				allowed++
			}
		}
		if allowed != maxNames || w.Allow("new") || w.Allow("1") {
			t.Errorf("%d names were allowed, want %d and no more", allowed, maxNames)
		}
		w.Refund("1")
		w.Refund("unknown") // has no event
		if !w.Allow("new") || w.Allow("new") || w.Allow("1") {
			t.Error("a refund did not free exactly one entry")
		}
		time.Sleep(time.Minute)
		if !w.Allow("new") || !w.Allow("1") || w.Allow("new") {
			t.Error("ended windows still fill the table")
		}
	})
}

// TestWindowForgetsOldest fills a table that forgets names.
func TestWindowForgetsOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limit.NewWindow(limit.WindowConfig{Limit: 1, Duration: time.Hour, MaxNames: 32, ForgetOldest: true})
		for i := range 33 {
			if !w.Allow(fmt.Sprint(i)) {
				t.Errorf("name %d was rejected", i)
			}
			time.Sleep(time.Second)
		}
		for i, want := range map[int]bool{3: false, 31: false, 32: false, 0: true, 1: true} {
			if got := w.Allow(fmt.Sprint(i)); got != want {
				t.Errorf("name %d again: %v, want %v", i, got, want)
			}
		}
	})
}

func TestWindowRefund(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limit.NewWindow(limit.WindowConfig{Limit: 2, Duration: time.Minute, MaxNames: 10})
		for range 2 {
			if !w.Allow("ada") {
				t.Fatal("an event within the limit was rejected")
			}
		}
		w.Refund("ada")
		if !w.Allow("ada") || w.Allow("ada") {
			t.Error("one refund did not allow exactly one more event")
		}
	})
}

// TestWindowKeepsNamesSecret prints a Window with every verb that shows fields.
func TestWindowKeepsNamesSecret(t *testing.T) {
	w := limit.NewWindow(limit.WindowConfig{Limit: 1, Duration: time.Minute, MaxNames: 1})
	w.Allow("ada@example.com")
	printed := fmt.Sprintf("%v %+v %#v", w, w, w)
	if strings.Contains(printed, "ada@example.com") {
		t.Errorf("the name is printed: %s", printed)
	}
}
