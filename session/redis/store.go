package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
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
	// members begins the name of the key with the instances of a deployment.
	members = prefix + "present:"
	// maxOperations bounds the operations in flight: half of the number that
	// the client queues before it blocks.
	maxOperations = 512
)

// store is the connection to the store, with its operations. An operation ends
// after the timeout at the latest, and is not retried.
type store struct {
	option  func() rueidis.ClientOption // a function: fmt would show the password in it
	timeout time.Duration
	breaker breaker
	bell    *bell
	report  *reporter
	// deployment names the keys and channels of the deployment. onDenial gets
	// its denied JWTs. onSubscribed is called after each subscription.
	deployment   string
	onDenial     func(sealed string)
	onSubscribed func()

	stopped context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{} // holds one element per operation

	mu         sync.Mutex // guards all below
	client     rueidis.Client
	connecting chan struct{} // closed at the end of the running attempt; nil: none runs
}

func newStore(option rueidis.ClientOption, timeout time.Duration, report *reporter) *store {
	s := &store{
		option:  func() rueidis.ClientOption { return option },
		timeout: timeout, bell: newBell(), report: report, slots: make(chan struct{}, maxOperations),
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// keys returns the keys of a name. They are in one of 256 parts. Each part is in
// one slot of a cluster, together with the time at which it was first used.
func keys(name string) []string {
	part := prefix + "{" + name[:2] + "}"
	return []string{part + ":" + name, part + ":" + name + ":value", part}
}

// state is the state of a token, as the scripts return it.
type state string

const (
	stateLoggedOut state = "loggedOut" // there is a tombstone
	stateLeader    state = "leader"    // the caller has the lock now
	stateFollower  state = "follower"  // another instance has it
	stateValue     state = "value"     // there is a value already
	stateLockLost  state = "lockLost"  // another instance has taken the lock since
	stateLockHeld  state = "lockHeld"  // the owner still has it
)

// entry is the result of acquire and commit.
type entry struct {
	state     state
	value     []byte
	ownerDied bool          // the last owner of the lock died while it asked upstream
	uncertain bool          // refusals are uncertain
	rotated   bool          // the token is known to be used
	age       time.Duration // of the part of the store that holds the token
	until     time.Time     // the expiry of the value
}

// acquire runs the script acquire. It removes the value if it is unreadable.
func (s *store) acquire(ctx context.Context, name, owner string, unreadable []byte) (entry, error) {
	started := time.Now()
	r, err := s.run(ctx, opRefresh, acquire, keys(name), owner, millis(lockTTL), millis(bounds.UsedTTL), millis(uncertainTTL), string(unreadable))
	if err != nil || len(r) != 7 {
		return entry{}, unexpected(err)
	}
	age, ageErr := duration(r[5])
	ttl, ttlErr := duration(r[6])
	if ageErr != nil || ttlErr != nil {
		return entry{}, unexpected(nil)
	}
	return entry{
		state: state(r[0]), value: []byte(r[1]), ownerDied: r[2] == "1", uncertain: r[3] == "1", rotated: r[4] == "1",
		age: age, until: started.Add(max(ttl, 0)),
	}, nil
}

func (s *store) renew(ctx context.Context, name, owner string) (held bool, err error) {
	r, err := s.run(ctx, opRefresh, renew, keys(name), owner, millis(lockTTL))
	if err != nil || len(r) != 1 {
		return false, unexpected(err)
	}
	return state(r[0]) == stateLockHeld, nil
}

// commit runs the script commit with a sealed value. rotated reports whether
// upstream has rotated the token. The entry has the state, and the value from
// before the commit.
func (s *store) commit(ctx context.Context, name, owner string, o outcome, sealed []byte, ttl time.Duration, rotated bool) (entry, error) {
	usedTTL, definite := "0", "0"
	if rotated {
		usedTTL = millis(bounds.UsedTTL)
	}
	if o.isDefinite() {
		definite = "1"
	}
	started := time.Now()
	r, err := s.run(ctx, opRefresh, commit, keys(name),
		owner, string(rune(o.kind)), string(sealed), millis(max(ttl, time.Millisecond)), usedTTL, channel, name, definite)
	if err != nil || len(r) != 3 {
		return entry{}, unexpected(err)
	}
	left, err := duration(r[2])
	if err != nil {
		return entry{}, unexpected(nil)
	}
	return entry{state: state(r[0]), value: []byte(r[1]), until: started.Add(max(left, 0))}, nil
}

// logout leaves a tombstone, and returns the value that leads to the successor.
func (s *store) logout(ctx context.Context, name string) (value []byte, err error) {
	r, err := s.run(ctx, opLogout, logout, keys(name), millis(tombstoneTTL), millis(bounds.UsedTTL))
	if err != nil || len(r) != 2 {
		return nil, unexpected(err)
	}
	return []byte(r[1]), nil
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

// duration is the inverse of millis.
func duration(millis string) (time.Duration, error) {
	ms, err := strconv.ParseInt(millis, 10, 64)
	return time.Duration(ms) * time.Millisecond, err
}

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
	reply, err := s.within(ctx, func(ctx context.Context, client rueidis.Client) ([]string, error) {
		return script.Exec(ctx, client, keys, args).AsStrSlice()
	})
	switch {
	case err == nil:
		if s.breaker.succeed() {
			s.report.recovered(ctx, op)
		}
	case s.stopped.Err() == nil:
		s.breaker.fail()
		s.report.down(ctx, op, err)
	}
	return reply, err
}

type reply struct {
	values []string
	err    error
}

// within calls do with the client. It returns after the timeout of an operation
// at the latest, even if the client does not. The context of the caller cancels
// nothing: its end says nothing about the store, and half an operation is of no
// use.
func (s *store) within(ctx context.Context, do func(context.Context, rueidis.Client) ([]string, error)) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("redis: too many operations are running: %w", ctx.Err())
	}
	done := make(chan reply, 1)
	s.running.Go(func() {
		defer func() { <-s.slots }()
		client, err := s.connected(ctx)
		if err != nil {
			done <- reply{err: err}
			return
		}
		values, err := do(ctx, client)
		done <- reply{values, err}
	})
	select {
	case r := <-done:
		return r.values, r.err
	case <-ctx.Done():
	case <-s.stopped.Done():
	}
	select {
	case r := <-done: // it was just in time
		return r.values, r.err
	default:
		return nil, fmt.Errorf("redis: no response within %v", s.timeout)
	}
}
