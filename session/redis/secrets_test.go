package redis_test

import (
	"context"
	"fmt"
	"index/suffixarray"
	"strings"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
)

// The store gets neither tokens nor user data, and neither do its messages.
func TestStoreHoldsNoSecret(t *testing.T) {
	const refreshes = 1000
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Algorithm: "EdDSA"}, redis.Config{})
		messages := s.overhear(t.Context())
		canaries := f.refreshMany(refreshes)
		dump := s.dump()
		if len(dump) < refreshes {
			t.Errorf("the store holds only %d records", len(dump))
		}
		dump["messages"] = strings.Join(messages(), "\n")
		if len(dump["messages"]) < refreshes {
			t.Error("there were no messages")
		}
		wantNone(t, dump, canaries)
	})
}

// refreshMany refreshes sessions of as many users, on all instances. It returns
// the strings that must not be in the store.
func (f *fleet) refreshMany(refreshes int) (canaries []string) {
	var (
		mu  sync.Mutex
		all sync.WaitGroup
	)
	for n, i := range f.instances {
		all.Go(func() {
			for user := n; user < refreshes; user += fleetSize {
				email := fmt.Sprint("canary-", user, "@example.com")
				jwt, old := f.expired(email)
				result, err := i.sessions.Authenticate(f.t.Context(), material(jwt, old))
				if err != nil {
					f.t.Error(err)
					return
				}
				got := result.Session
				mu.Lock()
				canaries = append(canaries, email, jwt, old, got.UserID, got.JWT.Reveal(), got.RefreshToken.Secret.Reveal())
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return canaries
}

// wantNone checks that no canary is in the dump. It does not print canaries.
func wantNone(t *testing.T, dump map[string]string, canaries []string) {
	t.Helper()
	var all strings.Builder
	for key, value := range dump {
		all.WriteString(key + "\n" + value + "\n")
	}
	index := suffixarray.New([]byte(all.String()))
	for n, canary := range canaries {
		if len(index.Lookup([]byte(canary), 1)) > 0 {
			t.Errorf("canary %d is in the store", n)
		}
	}
}

// overhear subscribes to all channels until ctx ends, and returns the messages.
func (s *store) overhear(ctx context.Context) func() []string {
	var (
		mu       sync.Mutex
		messages []string
		done     = make(chan struct{})
	)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(done)
		_ = s.raw.Receive(ctx, s.raw.B().Psubscribe().Pattern("*").Build(), func(m rueidis.PubSubMessage) {
			mu.Lock()
			defer mu.Unlock()
			messages = append(messages, m.Message)
		})
	}()
	return func() []string {
		cancel()
		<-done
		return messages
	}
}
