package redis

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/internal/lazyconn"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/redis/rueidis"
)

// prefix begins the name of every key and channel, for the ~ and & of an ACL.
const prefix = "crossmint:"

// A record is a string: versionBytes, which are random, and the value.
const versionBytes = 8

// The scripts return whether they have written, the time in s and µs, and the record
// that was there. A key of another type counts as absent. The server computes the
// SHA-1 of a script, because a program in FIPS mode must not.
const readRecord = `
local t = redis.call('TIME')
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'table' then
  if string.sub(old.err, 1, 9) ~= 'WRONGTYPE' then return old end
  old = false
end
old = old or ''
`

var (
	load = rueidis.NewLuaScript(readRecord+`return {0, t[1], t[2], old}`, rueidis.WithLoadSHA1(true))
	// swap has the arguments: the version, the new record, its TTL in ms.
	swap = rueidis.NewLuaScript(readRecord+`
local version = #old < 8 and '' or string.sub(old, 1, 8)
if version ~= ARGV[1] then return {0, t[1], t[2], old} end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return {1, t[1], t[2], ARGV[2]}
`, rueidis.WithLoadSHA1(true))
)

// store implements fleet.Store. It connects when it is used.
type store struct {
	option func() rueidis.ClientOption // a function: fmt would show the password in it
	conn   *lazyconn.Conn[rueidis.Client]

	mu        sync.Mutex // guards all below
	failures  int        // since the last success
	succeeded time.Time  // the last time
}

var _ fleet.Store = (*store)(nil)

func newStore(option rueidis.ClientOption) *store {
	s := &store{option: func() rueidis.ClientOption { return option }}
	s.conn = lazyconn.New(s.connect, rueidis.Client.Close) // which waits a second for a store that hangs
	return s
}

func (s *store) connect() (rueidis.Client, error) {
	client, err := rueidis.NewClient(s.option())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s.succeed()
	return client, nil
}

// A connection is replaced after maxFailures failures, if the last success was
// maxSilence ago: the store may have moved, or a network may have forgotten the
// connection. A store that is only slow keeps its subscriptions.
const (
	maxFailures = 3
	maxSilence  = 5 * time.Second
)

// fatalCodes are the errors of a server to which another connection is better: the
// primary has become a replica, or the credentials have changed.
var fatalCodes = []string{"READONLY", "NOAUTH", "WRONGPASS", "MASTERDOWN"}

// check notes the result of an operation, and returns its error. It gives a
// connection of no use up.
func (s *store) check(client rueidis.Client, err error) error {
	if err == nil {
		s.succeed()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	reply, isReply := rueidis.IsRedisErr(err)
	isFatal := isReply && slices.ContainsFunc(fatalCodes, func(code string) bool { return strings.Contains(reply.Error(), code) })
	if isFatal || s.failures >= maxFailures && time.Since(s.succeeded) > maxSilence {
		s.conn.Discard(client)
	}
	return fmt.Errorf("redis: %w", err)
}

func (s *store) succeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.succeeded = 0, time.Now()
}

// keyOf returns the key of a record. All keys of a group are in one slot of a cluster.
func keyOf(key string) string {
	group, rest, _ := strings.Cut(key, ".")
	return prefix + "{" + group + "}:" + rest
}

// Load implements fleet.Store.
func (s *store) Load(ctx context.Context, key string) (fleet.Record, error) {
	r, _, err := s.run(ctx, load, key)
	return r, err
}

// Swap implements fleet.Store.
func (s *store) Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (fleet.Record, bool, error) {
	var before, record string
	if version != 0 {
		before = string(binary.BigEndian.AppendUint64(nil, version))
	}
	if len(value) > 0 {
		stored := make([]byte, versionBytes, versionBytes+len(value))
		_, _ = rand.Read(stored) // never fails
		stored[0] |= 1           // 0 is no version
		record = string(append(stored, value...))
	}
	return s.run(ctx, swap, key, before, record, strconv.FormatInt(max(ttl.Milliseconds(), 1), 10))
}

// run runs a script. It returns the record that is there then.
func (s *store) run(ctx context.Context, script *rueidis.Lua, key string, args ...string) (r fleet.Record, swapped bool, err error) {
	client, err := s.conn.Get(ctx)
	if err == nil {
		var reply []rueidis.RedisMessage
		if reply, err = script.Exec(ctx, client, []string{keyOf(key)}, args).ToArray(); err == nil {
			r, swapped, err = parseReply(reply)
		}
	}
	return r, swapped, s.check(client, err)
}

var errReply = errors.New("unexpected reply from the store")

func parseReply(reply []rueidis.RedisMessage) (r fleet.Record, swapped bool, err error) {
	if len(reply) != 4 {
		return r, false, errReply
	}
	written, err1 := reply[0].AsInt64()
	seconds, err2 := reply[1].AsInt64()
	micros, err3 := reply[2].AsInt64()
	stored, err4 := reply[3].AsBytes()
	if errors.Join(err1, err2, err3, err4) != nil {
		return r, false, errReply
	}
	r.Now = time.Unix(seconds, micros*int64(time.Microsecond))
	if len(stored) > versionBytes {
		r.Version, r.Value = binary.BigEndian.Uint64(stored), stored[versionBytes:]
	}
	return r, written == 1, nil
}

// Publish implements fleet.Store.
func (s *store) Publish(ctx context.Context, topic string, message []byte) error {
	client, err := s.conn.Get(ctx)
	if err == nil {
		err = client.Do(ctx, client.B().Publish().Channel(prefix+topic).Message(rueidis.BinaryString(message)).Build()).Error()
	}
	return s.check(client, err)
}

// Subscribe implements fleet.Store.
func (s *store) Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error {
	client, err := s.conn.Get(ctx)
	if err != nil {
		return s.check(client, err)
	}
	subscribed := rueidis.WithOnSubscriptionHook(ctx, func(to rueidis.PubSubSubscription) {
		if to.Kind == "subscribe" {
			ready()
		}
	})
	err = client.Receive(subscribed, client.B().Subscribe().Channel(prefix+topic).Build(), func(m rueidis.PubSubMessage) { receive([]byte(m.Message)) })
	if ctx.Err() == nil {
		return s.check(client, fmt.Errorf("the subscription has ended: %w", err))
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), unsubscribeTimeout)
	defer cancel()
	_ = client.Do(end, client.B().Unsubscribe().Channel(prefix+topic).Build()).Error() // else more messages come
	return ctx.Err()
}

// unsubscribeTimeout bounds the end of a subscription.
const unsubscribeTimeout = time.Second

// Close implements fleet.Store.
func (s *store) Close() error {
	s.conn.Close()
	return nil
}
