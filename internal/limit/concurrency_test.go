package limit_test

import (
	"testing"

	"github.com/crossmint-go/auth/internal/limit"
)

func TestConcurrency(t *testing.T) {
	c := limit.NewConcurrency(2)
	for range 2 {
		if !c.Acquire() {
			t.Fatal("a free slot was rejected")
		}
	}
	if c.Acquire() {
		t.Error("a third call runs, want two at the most")
	}
	c.Release()
	if !c.Acquire() || c.Acquire() {
		t.Error("one release did not free exactly one slot")
	}
}
