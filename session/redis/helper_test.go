package redis_test

import (
	"context"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/internal/redistest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/redis/rueidis"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	// In a cluster the client looks for its nodes again a second after an error,
	// even after its Close.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// secret is the secret of the deployment.
var secret = session.NewSecret("a deployment's secret, of 32 bytes or more")

// requestTimeout is the time that a request waits. Test machines are slow.
const requestTimeout = 30 * time.Second

// A store is a real server, with a client that inspects it.
type store struct {
	*redistest.Server
	t   *testing.T
	raw rueidis.Client
}

// onEach runs a test on every store that this machine has.
func onEach(t *testing.T, test func(t *testing.T, s *store)) {
	t.Helper()
	binaries, err := redistest.Binaries()
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range binaries {
		t.Run(name, func(t *testing.T) { test(t, startStore(t, path)) })
	}
}

func startStore(t *testing.T, binary string, args ...string) *store {
	t.Helper()
	server, err := redistest.Start(binary, args...)
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

// dump returns the content of the store, by key.
func (s *store) dump() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, key := range s.keysOf("*") {
		value, err := s.do("GET", key).ToString()
		if err != nil {
			s.t.Fatal(err)
		}
		all[key] = value
	}
	return all
}

// keysOf returns the keys that match a pattern.
func (s *store) keysOf(pattern string) []string {
	s.t.Helper()
	keys, err := s.do("KEYS", pattern).AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// events records the events of a store.
type events struct{ testkit.Events }

// countOp counts the events of an operation.
func (e *events) countOp(op string) int {
	return e.countIf(func(e event.Event) bool { return e.Op == op })
}

// hasOf reports whether an event has the outcome and the operation.
func (e *events) hasOf(outcome event.Outcome, op string) bool {
	return e.countIf(func(e event.Event) bool { return e.Outcome == outcome && e.Op == op }) > 0
}

func (e *events) countIf(matches func(event.Event) bool) (n int) {
	for _, recorded := range e.All() {
		if matches(recorded) {
			n++
		}
	}
	return n
}

// material returns the credentials of a request.
func material(jwt, refreshToken string) session.Material {
	return session.Material{JWT: session.NewSecret(jwt), RefreshToken: session.NewSecret(refreshToken)}
}

// newCoordinator returns the coordinator of one instance. Its operations may take
// long unless config has a Timeout: test machines are slow.
func newCoordinator(t *testing.T, url string, config redis.Config) *protocol.Coordinator {
	t.Helper()
	config.URL, config.Secret = session.NewSecret(url), secret
	if config.Timeout == 0 {
		config.Timeout = 2 * time.Second // the longest
	}
	if config.OnEvent == nil {
		config.OnEvent = func(_ context.Context, e event.Event) { t.Logf("event: %s: %v", e.Outcome, e.Err) }
	}
	c, err := redis.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// tokenKeys is the pattern of the keys of tokens.
const tokenKeys = "crossmint:{t*}:*"

// Places in the record of a token, behind the version of the store.
const (
	lockedUntil    = 8 + 17
	loggedOutUntil = 8 + 33
	valueStart     = 8 + 75
)

// hasGrant reports whether the store has a grant.
func (s *store) hasGrant() bool {
	for _, record := range s.records() {
		if strings.HasPrefix(record[valueStart:], "g") {
			return true
		}
	}
	return false
}

// hasTombstone reports whether the store has the tombstone of a logout.
func (s *store) hasTombstone() bool {
	for _, record := range s.records() {
		if record[loggedOutUntil:loggedOutUntil+8] != strings.Repeat("\x00", 8) {
			return true
		}
	}
	return false
}

// records returns the records of the tokens. A key may expire meanwhile.
func (s *store) records() (records []string) {
	s.t.Helper()
	for _, key := range s.keysOf(tokenKeys) {
		if record, err := s.do("GET", key).ToString(); err == nil && len(record) >= valueStart { // else a probe
			records = append(records, record)
		}
	}
	return records
}

// locks returns the number of locked tokens.
func (s *store) locks() (n int) {
	s.t.Helper()
	for _, record := range s.records() {
		if record[lockedUntil:lockedUntil+8] != strings.Repeat("\x00", 8) {
			n++
		}
	}
	return n
}

// expireLocks makes all locks expire soon.
func (s *store) expireLocks() {
	s.t.Helper()
	soon := binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(time.Second).UnixMilli()))
	for _, key := range s.keysOf(tokenKeys) {
		s.do("SETRANGE", key, strconv.Itoa(lockedUntil), string(soon))
	}
}

// wantSubscribers waits until want instances are subscribed to denied JWTs.
func (s *store) wantSubscribers(want int64) {
	s.t.Helper()
	coordinatortest.Eventually(s.t, "the instances subscribed", func() bool {
		channels, _ := s.do("PUBSUB", "CHANNELS", "crossmint:d.*").AsStrSlice()
		if len(channels) != 1 {
			return false
		}
		subscribers, _ := s.do("PUBSUB", "NUMSUB", channels[0]).AsIntMap()
		return subscribers[channels[0]] == want
	})
}

// wantFollower waits until an instance follows the call in flight.
func (s *store) wantFollower() {
	s.t.Helper()
	coordinatortest.Eventually(s.t, "an instance followed the other", func() bool {
		channels, _ := s.do("PUBSUB", "CHANNELS", "crossmint:t.*").AsStrSlice()
		return len(channels) > 0
	})
}
