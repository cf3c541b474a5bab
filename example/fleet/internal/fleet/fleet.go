// Package fleet runs the instances of the site as processes. It can kill and restart
// them.
package fleet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/crossmint-go/auth/example/fleet/internal/instance"
)

// A Fleet is a set of instances. It is safe for concurrent use.
type Fleet struct {
	order instance.Order // without the name

	mu      sync.Mutex // guards all below
	members []*member
	turn    int
	closed  bool
}

type member struct {
	name      string
	process   *process // nil while it starts
	responses int
}

// Instance is the address of an instance.
type Instance struct{ Name, Addr string }

// State is the state of an instance.
type State struct {
	Name      string `json:"name"`
	Running   bool   `json:"running"`
	PID       int    `json:"pid"`
	Responses int    `json:"responses"`
}

// Start starts an instance for each name.
func Start(order instance.Order, names ...string) (*Fleet, error) {
	f := &Fleet{order: order}
	for _, name := range names {
		p, err := f.start(name)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.members = append(f.members, &member{name: name, process: p})
	}
	return f, nil
}

func (f *Fleet) start(name string) (*process, error) {
	order := f.order
	order.Name = name
	return start(order)
}

// Next returns the running instances in turn. It returns false if none runs.
func (f *Fleet) Next() (Instance, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range f.members {
		f.turn++
		m := f.members[f.turn%len(f.members)]
		if m.runs() {
			return Instance{m.name, m.process.addr}, true
		}
	}
	return Instance{}, false
}

func (m *member) runs() bool { return m.process != nil && m.process.runs() }

// CountResponse counts a response of an instance.
func (f *Fleet) CountResponse(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.memberLocked(name); m != nil {
		m.responses++
	}
}

// memberLocked returns the member with the name, or nil.
func (f *Fleet) memberLocked(name string) *member {
	for _, m := range f.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// Kill ends an instance with SIGKILL, and waits until it has ended.
func (f *Fleet) Kill(name string) error {
	f.mu.Lock()
	m := f.memberLocked(name)
	if m == nil || !m.runs() {
		f.mu.Unlock()
		return fmt.Errorf("no instance %q is running", name)
	}
	p := m.process
	f.mu.Unlock()
	p.kill()
	<-p.ended
	return nil
}

// Restart starts a stopped instance.
func (f *Fleet) Restart(name string) error {
	f.mu.Lock()
	m := f.memberLocked(name)
	if f.closed || m == nil || m.process == nil || m.runs() {
		f.mu.Unlock()
		return fmt.Errorf("no instance %q is stopped", name)
	}
	old := m.process
	m.process = nil // no other call starts it
	f.mu.Unlock()
	p, err := f.start(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	m.process = p
	switch {
	case err != nil:
		m.process = old
	case f.closed:
		err = p.stop() // Close came first
	}
	return err
}

// States returns the states of the instances, in the order of Start.
func (f *Fleet) States() []State {
	f.mu.Lock()
	defer f.mu.Unlock()
	var states []State
	for _, m := range f.members {
		s := State{Name: m.name, Running: m.runs(), Responses: m.responses}
		if s.Running {
			s.PID = m.process.cmd.Process.Pid
		}
		states = append(states, s)
	}
	return states
}

// Close ends all instances. They finish the requests in flight.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closed = true
	var running []*process
	for _, m := range f.members {
		if m.runs() {
			running = append(running, m.process)
		}
	}
	f.mu.Unlock()
	errs := make([]error, len(running))
	var all sync.WaitGroup
	for i, p := range running {
		all.Go(func() { errs[i] = p.stop() })
	}
	all.Wait()
	return errors.Join(errs...)
}
