package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/redis/rueidis"
)

const (
	// prefix begins the name of every key and channel, for the ~ and & of an
	// ACL.
	prefix = "crossmint:"
	// channel announces refreshes that have ended. A message is the name of a
	// token and nothing else.
	channel = prefix + "done"
	// denied begins the name of the denied JWTs of a deployment: a key, and a
	// channel whose messages are sealed denials.
	denied = prefix + "denied:"
)

// store is the connection to the store, with its operations. An operation ends
// after the timeout at the latest, and is not retried.
type store struct {
	option   func() rueidis.ClientOption // a function: fmt would show the password in it
	timeout  time.Duration
	breaker  breaker
	notifier *notifier
	report   *reporter
	// deployment names the keys and channels of the deployment. onDenial gets
	// its denied JWTs. onSubscribed is called after each subscription.
	deployment   string
	onDenial     func(sealed string)
	onSubscribed func()

	stopped context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup
	start   sync.Once // starts stayConnected
	attempt atomic.Pointer[attempt]
}

func newStore(option rueidis.ClientOption, timeout time.Duration, report *reporter) *store {
	s := &store{
		option:  func() rueidis.ClientOption { return option },
		timeout: timeout, notifier: newNotifier(), report: report,
	}
	s.attempt.Store(newAttempt())
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// keys returns the keys of a name. They are in one of 256 parts, each of which is
// in one slot of a cluster.
func keys(name string) []string {
	key := prefix + "{" + name[:2] + "}:" + name
	return []string{key, key + ":value"}
}

// state is the state of a token, as the scripts return it.
type state string

const (
	stateLoggedOut state = "loggedOut" // there is a tombstone
	stateLeader    state = "leader"    // the caller has the lock now
	stateFollower  state = "follower"  // another instance has it
	stateValue     state = "value"     // there is a value already
)

// entry is the reply of the scripts for one token.
type entry struct {
	state   state
	value   []byte
	rotated bool      // the token is known to be used
	until   time.Time // the expiry of the value, before its grace period begins
}

// runEntry runs a script for one token.
func (s *store) runEntry(ctx context.Context, op string, script *rueidis.Lua, name string, args ...string) (entry, error) {
	started := time.Now()
	r, err := s.run(ctx, op, script, keys(name), args...)
	if err != nil || len(r) != 4 {
		return entry{}, unexpected(err)
	}
	left, err := strconv.ParseInt(r[3], 10, 64)
	if err != nil {
		return entry{}, unexpected(nil)
	}
	ttl := time.Duration(max(left, 0)) * time.Millisecond
	return entry{state: state(r[0]), value: []byte(r[1]), rotated: r[2] == "1", until: started.Add(ttl)}, nil
}

// acquire runs the script acquire. With a grace period, reading a grant begins it.
func (s *store) acquire(ctx context.Context, name, owner string, grace time.Duration) (entry, error) {
	return s.runEntry(ctx, opRefresh, acquire, name, owner, millis(lockTTL), millis(grace))
}

// commit runs the script commit with a sealed value. rotated reports whether
// upstream has rotated the token.
func (s *store) commit(ctx context.Context, name, owner string, kind kind, sealed []byte, ttl time.Duration, rotated bool) (entry, error) {
	usedTTL := "0"
	if rotated {
		usedTTL = millis(bounds.UsedTTL)
	}
	return s.runEntry(ctx, opRefresh, commit, name,
		owner, string(rune(kind)), string(sealed), millis(max(ttl, time.Millisecond)), usedTTL, channel, name)
}

// logout leaves a tombstone, and returns the value that leads to the successor.
func (s *store) logout(ctx context.Context, name string) (value []byte, err error) {
	e, err := s.runEntry(ctx, opLogout, logout, name, millis(tombstoneTTL))
	return e.value, err
}

// deny stores a sealed denial, and publishes it to the subscribed instances.
func (s *store) deny(ctx context.Context, sealed string, ttl time.Duration) error {
	key := denied + s.deployment
	r, err := s.run(ctx, opLogout, addDenial, []string{key}, sealed, millis(max(ttl, time.Millisecond)), strconv.Itoa(maxDenials), millis(maxDenialTTL), key)
	if err != nil || len(r) != 1 {
		return unexpected(err)
	}
	return nil
}

// denials returns a page of the sealed denials, and the size of the page with
// foreign values included.
func (s *store) denials(ctx context.Context, offset int) (n int, page []string, err error) {
	r, err := s.run(ctx, opLogout, readDenials, []string{denied + s.deployment}, strconv.Itoa(offset), strconv.Itoa(denialPageSize), strconv.Itoa(denialBytes))
	if err != nil || len(r) == 0 {
		return 0, nil, unexpected(err)
	}
	if n, err = strconv.Atoi(r[0]); err != nil {
		return 0, nil, unexpected(nil)
	}
	return n, r[1:], nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// unexpected returns err, or the error for a reply of the wrong form.
func unexpected(err error) error {
	if err == nil {
		return errors.New("redis: unexpected reply from the store")
	}
	return err
}

// errDown is the error while the breaker allows no operation.
var errDown = errors.New("redis: the store has just failed")

// run runs a script. Its result counts for the breaker.
func (s *store) run(ctx context.Context, op string, script *rueidis.Lua, keys []string, args ...string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.breaker.allow() {
		return nil, errDown
	}
	reply, err := s.exec(ctx, script, keys, args)
	switch {
	case err == nil && s.breaker.succeed():
		s.report.recovered(ctx, op)
	case err != nil && s.stopped.Err() == nil && s.breaker.fail():
		s.report.degraded(ctx, op, err)
	}
	return reply, err
}

// exec returns after the timeout of an operation at the latest, even if the client
// does not. The context of the caller cancels nothing: its end says nothing about
// the store, and half an operation is of no use.
func (s *store) exec(ctx context.Context, script *rueidis.Lua, keys, args []string) (reply []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	type result struct {
		reply []string
		err   error
	}
	done := make(chan result, 1)
	s.running.Go(func() {
		client, err := s.connected(ctx)
		if err != nil {
			done <- result{nil, err}
			return
		}
		reply, err := script.Exec(ctx, client, keys, args).AsStrSlice()
		done <- result{reply, err}
	})
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
	case <-s.stopped.Done():
	}
	select {
	case r := <-done: // it was just in time
		return r.reply, r.err
	default:
		return nil, fmt.Errorf("redis: no response within %v", s.timeout)
	}
}
