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

// A warningLog records the times and the text of warnings.
type warningLog struct {
	slog.Handler
	mu    sync.Mutex
	times []time.Time
	text  bytes.Buffer
}

func (l *warningLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *warningLog) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, r.Time)
	return slog.NewTextHandler(&l.text, nil).Handle(ctx, r)
}

func TestWarnsOnceInFiveMinutes(t *testing.T) {
	secret := b64([]byte("the private half"))
	faults := map[string]func(*keyServer){
		"down":          func(s *keyServer) { s.fail(errDown) },
		"panicking":     func(s *keyServer) { s.setHook(func(context.Context) error { panic("in the fetch") }) },
		"a useless set": func(s *keyServer) { s.serve([]byte(`{"keys":[{"kty":"EC","d":"` + secret + `"}]}`)) },
		"a private key": func(s *keyServer) { s.serve(keySet(withMembers(newEd25519Key("k1"), map[string]any{"d": secret}))) },
	}
	for name, setFault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, log := newKeyServer(), &warningLog{}
				setFault(keys)
				config := configOf(keys)
				config.Logger = slog.New(log)
				config.RefreshAfter = time.Minute
				v := newVerifierWith(t, config)
				token := newEd25519Key("k1").jwtOf("user-a", farFuture)
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

// Concurrent callers share one fetch. It goes on for the others if one of them
// disconnects.
func TestConcurrentCallersShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		keys.setHook(delay(2 * time.Second))
		v := newVerifier(t, keys)
		token := ownKey.jwt()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := v.VerifyNow(ctx, token)
			if resultOf(err) != unavailable {
				t.Errorf("disconnected caller: result = %s (%v), want %s", resultOf(err), err, unavailable)
			}
		})
		for range 50 {
			wg.Go(func() {
				if _, err := v.VerifyNow(t.Context(), token); err != nil {
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

// Close cancels a hanging fetch, and no fetch starts after it.
func TestCloseCancelsFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ownKey := newEd25519Key("k1")
		keys := newKeyServer(ownKey)
		keys.setHook(hang)
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
		wantResult(t, v, ownKey.jwt(), unavailable)
		if err := v.Preload(t.Context()); err == nil {
			t.Error("Preload after Close succeeds")
		}
		if got := len(keys.fetches()); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}
