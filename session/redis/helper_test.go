package redis_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/crossmint-go/auth/session/redis/internal/storetest"
	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	// In a cluster the client looks for its nodes again a second after an error,
	// also when it has been closed meanwhile.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// secret is the deployment's.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// patience is how long a request waits, and deadline how long a test does for
// something that will happen.
const (
	patience = 30 * time.Second
	deadline = 2 * time.Minute
)

// a store is a real server with a client that looks into it.
type store struct {
	*storetest.Server
	t   *testing.T
	raw rueidis.Client
}

// onEach runs a test on every store that this machine has.
func onEach(t *testing.T, test func(t *testing.T, s *store)) {
	t.Helper()
	binaries, err := storetest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) { test(t, startStore(t, path)) })
	}
}

func startStore(t *testing.T, binary string, args ...string) *store {
	t.Helper()
	server, err := storetest.Start(binary, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s := &store{Server: server, t: t}
	s.raw, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr()}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.raw.Close)
	return s
}

// do sends a command to the store.
func (s *store) do(words ...string) rueidis.RedisResult {
	s.t.Helper()
	r := s.raw.Do(context.Background(), s.raw.B().Arbitrary(words...).Build())
	if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) {
		s.t.Fatalf("%s: %v", words[0], err)
	}
	return r
}

// age lets the store have a memory of an hour: refusals are in doubt for the
// first minute of it.
func (s *store) age() {
	s.t.Helper()
	since := fmt.Sprint(time.Now().Add(-time.Hour).UnixMilli())
	for part := range 256 {
		s.do("SET", fmt.Sprintf("crossmint:{%02x}", part), since)
	}
}

// dump returns all that the store holds, by key. Hashes are flattened.
func (s *store) dump() map[string]string {
	s.t.Helper()
	keys, err := s.do("KEYS", "*").AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	for _, key := range keys {
		if value, err := s.raw.Do(context.Background(), s.raw.B().Get().Key(key).Build()).ToString(); err == nil {
			all[key] = value
			continue
		}
		if members, err := s.raw.Do(context.Background(), s.raw.B().Zrange().Key(key).Min("0").Max("-1").Build()).AsStrSlice(); err == nil {
			all[key] = strings.Join(members, "\n")
			continue
		}
		fields, err := s.do("HGETALL", key).AsStrMap()
		if err != nil {
			s.t.Fatal(err)
		}
		all[key] = fmt.Sprint(fields)
	}
	return all
}

// keysOf returns the keys of what the store holds that end so.
func (s *store) keysOf(pattern string) []string {
	s.t.Helper()
	keys, err := s.do("KEYS", pattern).AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// events collects what is reported.
type events struct {
	mu  sync.Mutex
	all []session.Event
}

func (e *events) add(_ context.Context, event session.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// list returns a copy of the events reported so far.
func (e *events) list() []session.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.all)
}

func (e *events) count(outcome session.Outcome) int {
	return e.matching(func(event session.Event) bool { return event.Outcome == outcome })
}

// of counts the events of an operation.
func (e *events) of(op string) int {
	return e.matching(func(event session.Event) bool { return event.Op == op })
}

// told reports whether there was an outcome of an operation.
func (e *events) told(outcome session.Outcome, op string) bool {
	return e.matching(func(event session.Event) bool { return event.Outcome == outcome && event.Op == op }) > 0
}

func (e *events) matching(matches func(session.Event) bool) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		if matches(event) {
			n++
		}
	}
	return n
}

// newCoordinator returns one of an instance. Operations may take long unless
// config says otherwise: machines that test are slow.
func newCoordinator(t *testing.T, url string, config redis.Config) *redis.Coordinator {
	t.Helper()
	config.URL, config.Secret = session.NewSecret(url), secret
	if config.Timeout == 0 {
		config.Timeout = 2 * time.Second // the most
	}
	if config.OnEvent == nil {
		config.OnEvent = func(_ context.Context, e session.Event) { t.Logf("event: %s: %v", e.Outcome, e.Err) }
	}
	c, err := redis.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// wantListeners waits until so many instances hear of denied JWTs.
func (s *store) wantListeners(want int64) {
	s.t.Helper()
	until(s.t, "the instances listen", func() bool {
		channels, _ := s.do("PUBSUB", "CHANNELS", "crossmint:denied:*").AsStrSlice()
		if len(channels) != 1 {
			return false
		}
		listeners, _ := s.do("PUBSUB", "NUMSUB", channels[0]).AsIntMap()
		return listeners[channels[0]] == want
	})
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for began := time.Now(); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > deadline {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
