package redis_test

import (
	"context"
	"fmt"
	"index/suffixarray"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
)

func TestStoreHoldsNoSecret(t *testing.T) {
	const refreshes = 1000
	onEach(t, func(t *testing.T, s *store) {
		f := newFleet(t, s.URL(), crossminttest.Config{Algorithm: "EdDSA"}, redis.Config{})
		messages := s.overhear(t.Context())
		canaries, live := f.refreshMany(refreshes)
		dump := s.dump()
		wantNone(t, dump, canaries)
		opened, values := tryAll(dump, live)
		if values < refreshes/2 {
			t.Errorf("only %d values were looked at", values)
		}
		if opened > 0 {
			t.Errorf("%d values of %d were opened without the old tokens", opened, values)
		}
		for _, message := range messages() {
			if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(message) {
				t.Errorf("a message has more than a name: %d bytes", len(message))
			}
		}
	})
}

// refreshMany refreshes sessions of as many users, on all instances. It returns
// the strings that must not be in the store, and the live refresh tokens.
func (f *fleet) refreshMany(refreshes int) (canaries, live []string) {
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
				live = append(live, got.RefreshToken.Secret.Reveal())
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return canaries, live
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

// tryAll tries to open each value with the deployment's secret and tokens that
// do not belong to it: the newest, no token at all, and its own name.
func tryAll(dump map[string]string, tokens []string) (opened, values int) {
	for key, value := range dump {
		if !strings.HasSuffix(key, ":value") {
			continue
		}
		values++
		name := strings.Split(key, ":")[2]
		for _, token := range append([]string{"", name, secret.Reveal()}, tokens[:10]...) {
			if redis.Open(secret, session.NewSecret(token), []byte(value)) {
				opened++
			}
		}
	}
	return opened, values
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

func TestMessagesAreNames(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *store) {
		messages := s.overhear(t.Context())
		a, b := newCoordinator(t, s.URL(), redis.Config{}), newCoordinator(t, s.URL(), redis.Config{})
		n := 0
		coordinatortest.Eventually(t, "a message was received", func() bool {
			n++
			calls := &coordinatortest.Calls{Exchange: coordinatortest.Slow(50 * time.Millisecond)}
			var pair sync.WaitGroup
			pair.Go(func() { coordinatortest.Do(t, a, fmt.Sprint(n), calls) })
			pair.Go(func() { coordinatortest.Do(t, b, fmt.Sprint(n), calls) })
			pair.Wait()
			subscribers, _ := s.do("PUBSUB", "NUMPAT").AsInt64()
			return n > 10 && subscribers > 0
		})
		received := messages()
		if len(received) == 0 {
			t.Error("no message was received")
		}
		for _, message := range received {
			if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(message) {
				t.Errorf("a message has more than a name: %q", message)
			}
		}
	})
}

func TestSealedValue(t *testing.T) {
	token, other := session.NewSecret("old token"), session.NewSecret("other token")
	seal := func(expires time.Time) []byte {
		sealed, err := redis.Seal(secret, token, expires, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	good := seal(time.Now().Add(time.Minute))
	if !redis.Open(secret, token, good) {
		t.Fatal("the token does not open the value")
	}
	if redis.Open(secret, other, good) {
		t.Error("another token opens it")
	}
	if redis.Open(session.NewSecret(strings.Repeat("x", 32)), token, good) {
		t.Error("another deployment opens it")
	}
	if redis.Open(secret, token, seal(time.Now().Add(-redis.ClockSkew))) {
		t.Error("it opens after its expiry, when it is replayed")
	}
	for n := range good {
		changed := append([]byte(nil), good...)
		changed[n] ^= 1
		if redis.Open(secret, token, changed) || redis.Open(secret, token, good[:n]) {
			t.Errorf("it opens with byte %d changed or cut off", n)
		}
	}
	if string(good) == string(seal(time.Now().Add(time.Minute))) {
		t.Error("two values are the same")
	}
}
