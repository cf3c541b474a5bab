package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/backoff"
)

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		if !backoff.Sleep(t.Context(), time.Minute) || time.Since(started) != time.Minute {
			t.Errorf("Sleep did not wait for a minute, but for %v", time.Since(started))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started = time.Now()
		if backoff.Sleep(ctx, time.Minute) || time.Since(started) != time.Second {
			t.Errorf("Sleep did not end with its context, but after %v", time.Since(started))
		}
	})
}

func TestJitter(t *testing.T) {
	for range 1000 {
		if d := backoff.Jitter(time.Second); d < time.Second/2 || d > time.Second {
			t.Fatalf("Jitter(1s) = %v, want between half and all of it", d)
		}
	}
}
