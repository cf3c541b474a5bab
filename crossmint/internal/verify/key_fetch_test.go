package verify_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logTimes counts warnings and keeps their text.
type logTimes struct {
	slog.Handler
	mu    sync.Mutex
	times []time.Time
	text  bytes.Buffer
}

func (l *logTimes) Enabled(context.Context, slog.Level) bool { return true }

func (l *logTimes) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, r.Time)
	return slog.NewTextHandler(&l.text, nil).Handle(ctx, r)
}

func TestWarnsOnceInFiveMinutes(t *testing.T) {
	secret := b64([]byte("the private half"))
	troubles := map[string]func(*source){
		"down":          func(s *source) { s.fail(errDown) },
		"panicking":     func(s *source) { s.block(func(context.Context) error { panic("in the fetch") }) },
		"a useless set": func(s *source) { s.serve([]byte(`{"keys":[{"kty":"EC","d":"` + secret + `"}]}`)) },
		"a private key": func(s *source) { s.serve(keySet(with(edSigner("k1"), map[string]any{"d": secret}))) },
	}
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, log := newSource(), &logTimes{}
				trouble(keys)
				config := configOf(keys)
				config.Logger = slog.New(log)
				config.RefreshAfter = time.Minute
				v := newVerifierWith(t, config)
				token := edSigner("k1").jwtOf("user-a", farAway)
				for range 360 {
					verifyResult(t, v, token)
					time.Sleep(10 * time.Second)
				}
				synctest.Wait()
				if n := len(log.times); n < 11 || n > 12 {
					t.Errorf("%d warnings in an hour, want one in 5 minutes", n)
				}
				for i := 1; i < len(log.times); i++ {
					if got := log.times[i].Sub(log.times[i-1]); got < 5*time.Minute {
						t.Errorf("warnings %v apart", got)
					}
				}
				if strings.Contains(log.text.String(), secret) {
					t.Errorf("the log holds a private key:\n%s", log.text.String())
				}
			})
		})
	}
}

// A cold herd makes one fetch; who leaves early takes it from nobody.
func TestHerdSharesOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		keys.block(slow(2 * time.Second))
		v := newVerifier(t, keys)
		token := self.jwt()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := v.Verify(ctx, token)
			if resultOf(err) != unavailable {
				t.Errorf("who left: verdict = %s (%v), want %s", resultOf(err), err, unavailable)
			}
		})
		for range 50 {
			wg.Go(func() {
				if _, err := v.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := len(keys.fetches()); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

// Close ends a fetch that hangs, and nothing begins after it.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := edSigner("k1")
		keys := newSource(self)
		keys.block(untilCanceled)
		v := newVerifier(t, keys)
		var wg sync.WaitGroup
		wg.Go(func() { _ = v.Preload(t.Context()) })
		synctest.Wait()
		before := time.Now()
		v.Close()
		wg.Wait()
		if waited := time.Since(before); waited != 0 {
			t.Errorf("Close took %v", waited)
		}
		time.Sleep(time.Minute)
		want(t, v, self.jwt(), unavailable)
		if err := v.Preload(t.Context()); err == nil {
			t.Error("Preload after Close succeeds")
		}
		if got := len(keys.fetches()); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}
