package fleettest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/session/fleet"
)

// A Memory is a store in the memory of the process. The zero value is empty. Several
// coordinators of one test share it by [Memory.Open].
type Memory struct {
	// ReadyInterval makes it a store without messages, whose Subscribe calls ready
	// at this interval. 0: it has messages. It must not be changed after Open.
	ReadyInterval time.Duration

	mu          sync.Mutex // guards all below
	version     uint64
	records     map[string]memoryRecord
	subscribers map[*subscriber]string // with their topics
}

type memoryRecord struct {
	fleet.Record
	expiresAt time.Time
}

type subscriber struct{ messages chan []byte }

// Open returns a connection to the records of m.
func (m *Memory) Open() fleet.Store {
	ctx, stop := context.WithCancel(context.Background())
	return &memoryConn{memory: m, closed: ctx, stop: stop}
}

// Clear removes all records, like a store that restarts without its data.
func (m *Memory) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.records)
}

// Dump returns a copy of all values, by key.
func (m *Memory) Dump() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := map[string][]byte{}
	for key := range m.records {
		if r := m.loadLocked(key); r.Version != 0 {
			values[key] = slices.Clone(r.Value)
		}
	}
	return values
}

func (m *Memory) loadLocked(key string) fleet.Record {
	now := time.Now()
	r, found := m.records[key]
	if !found || !now.Before(r.expiresAt) {
		delete(m.records, key)
		return fleet.Record{Now: now}
	}
	r.Now = now
	return r.Record
}

// memoryConn is a connection to a Memory.
type memoryConn struct {
	memory *Memory
	closed context.Context // ends with Close
	stop   context.CancelFunc
}

var errClosed = errors.New("fleettest: the store is closed")

func (c *memoryConn) check(ctx context.Context) error {
	if c.closed.Err() != nil {
		return errClosed
	}
	return ctx.Err()
}

// Load implements fleet.Store.
func (c *memoryConn) Load(ctx context.Context, key string) (fleet.Record, error) {
	if err := c.check(ctx); err != nil {
		return fleet.Record{}, err
	}
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	return c.memory.loadLocked(key), nil
}

// Swap implements fleet.Store.
func (c *memoryConn) Swap(ctx context.Context, key string, version uint64, value []byte, ttl time.Duration) (fleet.Record, bool, error) {
	if err := c.check(ctx); err != nil {
		return fleet.Record{}, false, err
	}
	m := c.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.loadLocked(key)
	if current.Version != version {
		return current, false, nil
	}
	if len(value) == 0 {
		delete(m.records, key)
		return fleet.Record{Now: current.Now}, true, nil
	}
	if m.records == nil {
		m.records = map[string]memoryRecord{}
	}
	m.version++
	r := fleet.Record{Value: slices.Clone(value), Version: m.version, Now: current.Now}
	m.records[key] = memoryRecord{r, current.Now.Add(ttl)}
	return r, true, nil
}

// Publish implements fleet.Store.
func (c *memoryConn) Publish(ctx context.Context, topic string, message []byte) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	if c.memory.ReadyInterval > 0 {
		return nil
	}
	for s, subscribed := range c.memory.subscribers {
		if subscribed != topic {
			continue
		}
		select {
		case s.messages <- slices.Clone(message):
		default: // a message may be lost
		}
	}
	return nil
}

// maxUnreadMessages bounds the messages that wait for one subscriber.
const maxUnreadMessages = 1 << 12

// Subscribe implements fleet.Store.
func (c *memoryConn) Subscribe(ctx context.Context, topic string, ready func(), receive func(message []byte)) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	s := &subscriber{messages: make(chan []byte, maxUnreadMessages)}
	c.memory.subscribe(s, topic)
	defer c.memory.unsubscribe(s)
	ready()
	var again <-chan time.Time
	if c.memory.ReadyInterval > 0 {
		ticker := time.NewTicker(c.memory.ReadyInterval)
		defer ticker.Stop()
		again = ticker.C
	}
	for {
		select {
		case <-again:
			ready()
		case message := <-s.messages:
			receive(message)
		case <-ctx.Done():
			return ctx.Err()
		case <-c.closed.Done():
			return errClosed
		}
	}
}

func (m *Memory) subscribe(s *subscriber, topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.subscribers == nil {
		m.subscribers = map[*subscriber]string{}
	}
	m.subscribers[s] = topic
}

func (m *Memory) unsubscribe(s *subscriber) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.subscribers, s)
}

// Close implements fleet.Store.
func (c *memoryConn) Close() error {
	c.stop()
	return nil
}
