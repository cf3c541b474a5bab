package fleettest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session/fleet"
)

// RunStore tests the stores that open returns: each call opens another connection to
// the same records. RunStore closes them. It uses random keys, so the store may hold
// other records.
//
// Times are those of the real clock. RunStore takes about a minute.
func RunStore(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	runRecords(t, open)
	runTests(t, "messages", open, []namedTest{
		{name: "a subscriber receives the messages of its topic", run: receivedMessages},
		{name: "a topic can be subscribed to again", run: subscribedAgain},
		{name: "many topics can be subscribed to at once", run: manyTopics},
		{name: "a long message arrives, or an empty one in its place", run: longMessage},
		{name: "a subscription ends with its context", run: endedSubscription},
		{name: "a closed store fails", run: closedStore},
	})
	runFleets(t, open)
}

// RunStoreWithoutMessages is RunStore for a store without messages. Its Publish does
// nothing, and its Subscribe calls ready at intervals of some seconds.
func RunStoreWithoutMessages(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	runRecords(t, open)
	runTests(t, "messages", open, []namedTest{
		{name: "a subscription is ready again and again", run: repeatedlyReady},
		{name: "a published message does no harm", run: unreceivedMessage},
		{name: "a subscription ends with its context", run: endedSubscription},
		{name: "a closed store fails", run: closedStore},
	})
	runFleets(t, open)
}

// runRecords tests the records of a store.
func runRecords(t *testing.T, open func(t *testing.T) fleet.Store) {
	t.Helper()
	runTests(t, "records", open, []namedTest{
		{name: "an absent record has the version 0 and the time", run: absentRecord},
		{name: "a swap of an absent record creates it", run: createdRecord},
		{name: "of two swaps with one version one succeeds", run: oneSwapOfTwo},
		{name: "a failed swap returns the current record", run: failedSwap},
		{name: "a version does not come back", run: newVersions},
		{name: "an empty value removes the record", run: removedRecord},
		{name: "a record disappears after its TTL", run: expiredRecord},
		{name: "a swap replaces the TTL", run: replacedTTL},
		{name: "a value may have any bytes and 100 KiB", run: anyValue},
		{name: "no change is lost", run: noLostChange},
		{name: "the time moves on, and is the same for all", run: storeClock},
		{name: "an operation ends with its context", run: endedContext},
	})
}

// A namedTest is a test of a store.
type namedTest struct {
	name string
	run  func(t *testing.T, s *storeTest)
}

func runTests(t *testing.T, group string, open func(t *testing.T) fleet.Store, tests []namedTest) {
	t.Helper()
	t.Run(group, func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) { test.run(t, newStoreTest(t, open)) })
		}
	})
}

// storeTest is one test of a store.
type storeTest struct {
	t      *testing.T
	opener func(t *testing.T) fleet.Store
	key    string // random
}

func newStoreTest(t *testing.T, open func(t *testing.T) fleet.Store) *storeTest {
	return &storeTest{t, open, "test." + strings.ToLower(rand.Text())}
}

func (s *storeTest) open() fleet.Store {
	s.t.Helper()
	store := s.opener(s.t)
	s.t.Cleanup(func() { _ = store.Close() }) // a test may have closed it
	return store
}

// swap makes a swap, and checks whether it succeeds.
func (s *storeTest) swap(store fleet.Store, version uint64, value string, want bool) fleet.Record {
	s.t.Helper()
	return s.swapFor(store, version, value, time.Minute, want)
}

func (s *storeTest) swapFor(store fleet.Store, version uint64, value string, ttl time.Duration, want bool) fleet.Record {
	s.t.Helper()
	r, swapped, err := store.Swap(s.t.Context(), s.key, version, []byte(value), ttl)
	if err != nil || swapped != want {
		s.t.Fatalf("swap of version %d: %t, %v; want %t", version, swapped, err, want)
	}
	return r
}

func (s *storeTest) load(store fleet.Store) fleet.Record {
	s.t.Helper()
	r, err := store.Load(s.t.Context(), s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// want checks a record; the version 0 means that there is none.
func (s *storeTest) want(got fleet.Record, version uint64, value string) {
	s.t.Helper()
	if got.Version != version || string(got.Value) != value {
		s.t.Errorf("version %d, value %.20q; want version %d, value %.20q", got.Version, got.Value, version, value)
	}
}

// maxClockDifference is the most by which the clock of the store may differ in a
// test. Test machines are slow.
const maxClockDifference = 5 * time.Second

func absentRecord(t *testing.T, s *storeTest) {
	r := s.load(s.open())
	s.want(r, 0, "")
	if off := time.Since(r.Now).Abs(); off > maxClockDifference {
		t.Errorf("the clock differs by %v", off)
	}
}

func createdRecord(_ *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	r := s.swap(a, 0, "1", true)
	s.want(s.load(a), r.Version, "1")
	s.want(s.load(b), r.Version, "1")
}

func oneSwapOfTwo(_ *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	first := s.swap(a, 0, "1", true)
	s.swap(b, 0, "2", false)
	second := s.swap(b, first.Version, "2", true)
	s.swap(a, first.Version, "3", false)
	s.want(s.load(a), second.Version, "2")
}

func failedSwap(t *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	first := s.swap(a, 0, "1", true)
	for _, wrong := range []uint64{0, first.Version + 1} {
		r := s.swap(b, wrong, "2", false)
		s.want(r, first.Version, "1")
		if off := time.Since(r.Now).Abs(); off > maxClockDifference {
			t.Errorf("the clock differs by %v", off)
		}
	}
	s.key += ".absent"
	s.want(s.swap(b, first.Version, "2", false), 0, "")
}

func newVersions(t *testing.T, s *storeTest) {
	store, seen := s.open(), map[uint64]bool{0: true}
	for n := range 20 {
		r := s.swap(store, 0, strconv.Itoa(n%2), true)
		if seen[r.Version] {
			t.Fatalf("the version %d came back", r.Version)
		}
		seen[r.Version] = true
		s.swap(store, r.Version, "", true)
	}
}

func removedRecord(_ *testing.T, s *storeTest) {
	store := s.open()
	r := s.swap(store, 0, "1", true)
	s.want(s.swap(store, r.Version, "", true), 0, "")
	s.want(s.load(store), 0, "")
	s.swap(store, r.Version, "2", false)
	s.swap(store, 0, "2", true)
}

func expiredRecord(_ *testing.T, s *storeTest) {
	store := s.open()
	r := s.swapFor(store, 0, "1", 300*time.Millisecond, true)
	coordinatortest.Eventually(s.t, "the record disappeared", func() bool { return s.load(store).Version == 0 })
	s.swap(store, r.Version, "2", false)
	s.want(s.swap(store, r.Version, "2", false), 0, "")
	s.swap(store, 0, "2", true)
}

func replacedTTL(_ *testing.T, s *storeTest) {
	store := s.open()
	r := s.swapFor(store, 0, "1", 500*time.Millisecond, true)
	r = s.swap(store, r.Version, "2", true)
	time.Sleep(time.Second)
	s.want(s.load(store), r.Version, "2")
	s.swapFor(store, r.Version, "3", 300*time.Millisecond, true)
	coordinatortest.Eventually(s.t, "the record disappeared", func() bool { return s.load(store).Version == 0 })
}

func anyValue(_ *testing.T, s *storeTest) {
	store := s.open()
	value := make([]byte, 100<<10)
	for i := range value {
		value[i] = byte(i)
	}
	r := s.swap(store, 0, string(value), true)
	s.want(s.load(store), r.Version, string(value))
	r = s.swap(store, r.Version, "\x00", true)
	s.want(s.load(store), r.Version, "\x00")
}

func noLostChange(t *testing.T, s *storeTest) {
	const connections, changes = 4, 25
	var all sync.WaitGroup
	for range connections {
		store := s.open()
		all.Go(func() {
			r, err := store.Load(t.Context(), s.key)
			for n := 0; n < changes && err == nil; {
				count, _ := strconv.Atoi(string(r.Value)) // "" counts as 0
				var swapped bool
				if r, swapped, err = store.Swap(t.Context(), s.key, r.Version, []byte(strconv.Itoa(count+1)), time.Minute); swapped {
					n++
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := string(s.load(s.open()).Value); got != strconv.Itoa(connections*changes) {
		t.Errorf("%s changes, want %d", got, connections*changes)
	}
}

func storeClock(t *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	first := s.load(a).Now
	time.Sleep(100 * time.Millisecond)
	second := s.load(b).Now
	if passed := second.Sub(first); passed < 50*time.Millisecond || passed > maxClockDifference {
		t.Errorf("100 ms took %v by the clock of the store", passed)
	}
}

// messages is a subscription with its messages.
type messages struct {
	received chan string
	ready    chan struct{}
	done     chan error
	stop     context.CancelFunc
}

// subscribe subscribes to a topic, and waits until that is ready.
func (s *storeTest) subscribe(store fleet.Store, topic string) *messages {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	m := &messages{received: make(chan string, 64), ready: make(chan struct{}, 64), done: make(chan error, 1), stop: stop}
	s.t.Cleanup(stop)
	go func() {
		m.done <- store.Subscribe(ctx, topic, func() { m.ready <- struct{}{} }, func(message []byte) { m.received <- string(message) })
	}()
	select {
	case <-m.ready:
	case err := <-m.done:
		s.t.Fatalf("subscribe: %v", err)
	case <-time.After(messageTimeout):
		s.t.Fatal("the subscription is not ready")
	}
	return m
}

// messageTimeout is the time in which a message arrives. Test machines are slow.
const messageTimeout = 30 * time.Second

// want checks the next message.
func (m *messages) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-m.received:
		if got != want {
			t.Errorf("received %.20q, want %.20q", got, want)
		}
	case <-time.After(messageTimeout):
		t.Errorf("received nothing, want %.20q", want)
	}
}

// wantEnd waits for the end of the subscription.
func (m *messages) wantEnd(t *testing.T) {
	t.Helper()
	select {
	case err := <-m.done:
		if err == nil {
			t.Error("Subscribe returned no reason")
		}
	case <-time.After(messageTimeout):
		t.Error("Subscribe does not end")
	}
}

func (s *storeTest) publish(store fleet.Store, topic, message string) {
	s.t.Helper()
	if err := store.Publish(s.t.Context(), topic, []byte(message)); err != nil {
		s.t.Fatal(err)
	}
}

func receivedMessages(t *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	atA, atB := s.subscribe(a, s.key+".x"), s.subscribe(b, s.key+".x")
	s.publish(a, s.key+".y", "other")
	for _, message := range []string{"one", "a\x00b\xff", strings.Repeat("x", 4<<10)} {
		s.publish(a, s.key+".x", message)
		atA.want(t, message)
		atB.want(t, message)
	}
}

func endedSubscription(t *testing.T, s *storeTest) {
	m := s.subscribe(s.open(), s.key)
	m.stop()
	m.wantEnd(t)
}

func subscribedAgain(t *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	for n := range 5 {
		m := s.subscribe(a, s.key)
		s.publish(b, s.key, strconv.Itoa(n))
		m.want(t, strconv.Itoa(n))
		m.stop()
		m.wantEnd(t)
	}
}

func manyTopics(t *testing.T, s *storeTest) {
	store := s.open()
	var all []*messages
	for n := range 30 {
		all = append(all, s.subscribe(store, fmt.Sprint(s.key, ".", n)))
	}
	for n, m := range all {
		s.publish(store, fmt.Sprint(s.key, ".", n), strconv.Itoa(n))
		m.want(t, strconv.Itoa(n))
	}
}

func longMessage(t *testing.T, s *storeTest) {
	store := s.open()
	m := s.subscribe(store, s.key)
	long := strings.Repeat("x", 90<<10)
	s.publish(store, s.key, long)
	select {
	case got := <-m.received:
		if got != "" && got != long {
			t.Errorf("received %d bytes, want none or all", len(got))
		}
	case <-time.After(messageTimeout):
		t.Error("received nothing")
	}
}

// maxReadyInterval is the interval of "some seconds" in which a store without messages
// calls ready, on a slow machine.
const maxReadyInterval = 20 * time.Second

func repeatedlyReady(t *testing.T, s *storeTest) {
	m := s.subscribe(s.open(), s.key)
	for range 2 {
		select {
		case <-m.ready:
		case err := <-m.done:
			t.Fatalf("Subscribe has ended: %v", err)
		case <-time.After(maxReadyInterval):
			t.Fatalf("ready was not called again within %v", maxReadyInterval)
		}
	}
}

func unreceivedMessage(t *testing.T, s *storeTest) {
	a, b := s.open(), s.open()
	m := s.subscribe(a, s.key)
	s.publish(b, s.key, "1")
	select {
	case <-m.ready:
	case <-time.After(maxReadyInterval):
		t.Fatalf("ready was not called again within %v", maxReadyInterval)
	}
	select {
	case got := <-m.received:
		t.Errorf("received %q: run RunStore", got)
	default:
	}
}

func endedContext(t *testing.T, s *storeTest) {
	store := s.open()
	s.load(store) // connects
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Load(ctx, s.key); err == nil {
		t.Error("Load ignores its context")
	}
	if _, _, err := store.Swap(ctx, s.key, 0, []byte("1"), time.Minute); err == nil {
		t.Error("Swap ignores its context")
	}
}

func closedStore(t *testing.T, s *storeTest) {
	store := s.open()
	s.load(store)
	m := s.subscribe(store, s.key)
	if err := store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	m.wantEnd(t)
	if _, err := store.Load(t.Context(), s.key); err == nil {
		t.Error("Load works after Close")
	}
	if _, _, err := store.Swap(t.Context(), s.key, 0, bytes.Repeat([]byte("x"), 8), time.Minute); err == nil {
		t.Error("Swap works after Close")
	}
}
