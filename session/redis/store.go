package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// prefix begins all that this package has in a store: for an ACL ~ and &.
	prefix = "crossmint:"
	// channel is where it is said that a refresh has ended. A message is the
	// name of a token and nothing else.
	channel = prefix + "done"
	// maxOperations bounds those in flight: half of what the client queues
	// before it lets callers wait.
	maxOperations = 512
	// denied begins the name of what a deployment has denied, a key and a
	// channel. A message on it is a sealed denial.
	denied = prefix + "denied:"
	// members begins the name of the key with a deployment's instances.
	members = prefix + "present:"
)

// store is the connection to the store and the operations on it. None takes
// longer than its timeout, and none is tried twice.
type store struct {
	option  func() rueidis.ClientOption // a function: fmt would show the password in it
	timeout time.Duration
	breaker breaker
	bell    *bell
	report  *reporter
	// fleet names the deployment. What it has to say of denied JWTs goes to
	// onDenial; onListening tells that it is heard from now on.
	fleet       string
	onDenial    func(sealed string)
	onListening func()

	stopped context.Context // ends with close
	stop    context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{} // holds one element per operation

	mu         sync.Mutex // guards all below
	client     rueidis.Client
	connecting chan struct{} // closed when the attempt that runs has ended; nil: none
}

func newStore(option rueidis.ClientOption, timeout time.Duration, report *reporter) *store {
	s := &store{option: func() rueidis.ClientOption { return option }, timeout: timeout, bell: newBell(), report: report, slots: make(chan struct{}, maxOperations)}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// keys returns the keys of a name: 256 parts, each of which lies in one slot
// of a cluster together with its own memory of when it began.
func keys(name string) []string {
	part := prefix + "{" + name[:2] + "}"
	return []string{part + ":" + name, part + ":" + name + ":value", part}
}

// state is what a script says.
type state string

const (
	stateOut   state = "out"   // the token is logged out
	stateLead  state = "lead"  // the lock is taken
	stateWait  state = "wait"  // somebody else has it
	stateValue state = "value" // there is a value already
	stateLost  state = "lost"  // somebody else has taken the lock since
	stateKept  state = "kept"  // the lock is still its owner's
)

// entry is what enter found.
type entry struct {
	state                state
	value                []byte
	died, doubt, rotated bool
	age                  time.Duration // of the memory
	until                time.Time     // when the value ends
}

func (s *store) enter(ctx context.Context, name, owner string, unreadable []byte) (entry, error) {
	asked := time.Now()
	r, err := s.run(ctx, opRefresh, enter, keys(name), owner, millis(lockAge), millis(recordAge), millis(doubtAge), string(unreadable))
	if err != nil || len(r) != 7 {
		return entry{}, odd(err)
	}
	age, err := duration(r[5])
	if err != nil {
		return entry{}, odd(nil)
	}
	left, err := duration(r[6])
	if err != nil {
		return entry{}, odd(nil)
	}
	return entry{state(r[0]), []byte(r[1]), r[2] == "1", r[3] == "1", r[4] == "1", age, asked.Add(max(left, 0))}, nil
}

func (s *store) renew(ctx context.Context, name, owner string) (held bool, err error) {
	r, err := s.run(ctx, opRefresh, renew, keys(name), owner, millis(lockAge))
	if err != nil || len(r) != 1 {
		return false, odd(err)
	}
	return state(r[0]) == stateKept, nil
}

// settle records a value. follows reports whether it follows a rotation,
// certain whether a refusal is not in doubt. Of the
// entry that it returns the state is set, and the value that was there before.
func (s *store) settle(ctx context.Context, name, owner string, kind kind, value []byte, age time.Duration, follows, certain bool) (entry, error) {
	record := "0"
	if follows {
		record = millis(recordAge)
	}
	sure := "0"
	if certain {
		sure = "1"
	}
	asked := time.Now()
	r, err := s.run(ctx, opRefresh, settle, keys(name), owner, string(rune(kind)), string(value), millis(max(age, time.Millisecond)), record, channel, name, sure)
	if err != nil || len(r) != 3 {
		return entry{}, odd(err)
	}
	left, err := duration(r[2])
	if err != nil {
		return entry{}, odd(nil)
	}
	return entry{state: state(r[0]), value: []byte(r[1]), until: asked.Add(max(left, 0))}, nil
}

func (s *store) logout(ctx context.Context, name string) (value []byte, err error) {
	r, err := s.run(ctx, opLogout, logout, keys(name), millis(markAge), millis(recordAge))
	if err != nil || len(r) != 2 {
		return nil, odd(err)
	}
	return []byte(r[1]), nil
}

// deny leaves a sealed denial for so long, and tells those who listen.
func (s *store) deny(ctx context.Context, sealed string, left time.Duration) error {
	key := denied + s.fleet
	r, err := s.run(ctx, opLogout, addDenial, []string{key}, sealed, millis(max(left, time.Millisecond)), strconv.Itoa(maxDenials), millis(denialAge), key)
	if err != nil || len(r) != 1 {
		return odd(err)
	}
	return nil
}

// denials returns a page of the sealed denials, and of how many they are part.
func (s *store) denials(ctx context.Context, offset int) (n int, page []string, err error) {
	r, err := s.run(ctx, opLogout, readDenials, []string{denied + s.fleet}, strconv.Itoa(offset), strconv.Itoa(denialPage), strconv.Itoa(denialBytes))
	if err != nil || len(r) == 0 {
		return 0, nil, odd(err)
	}
	if n, err = strconv.Atoi(r[0]); err != nil {
		return 0, nil, odd(nil)
	}
	return n, r[1:], nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// duration reads what millis writes.
func duration(text string) (time.Duration, error) {
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(ms) * time.Millisecond, err
}

// odd returns err, or that the answer was not one of a script's.
func odd(err error) error {
	if err == nil {
		return errors.New("redis: the store gave an answer that is none")
	}
	return err
}

// errDown is given without asking: the store has failed a moment ago.
var errDown = errors.New("redis: the store has just failed")

// run runs a script on some keys for an operation, and learns from how it went.
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

// within does something with the client, and waits for it no longer than an
// operation may take, whatever the client does meanwhile. The end of a caller's
// patience tells nothing of the store, and half an operation is of no use: it
// has a time of its own.
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
	case r := <-done: // just so
		return r.values, r.err
	default:
		return nil, fmt.Errorf("redis: no answer within %v", s.timeout)
	}
}
