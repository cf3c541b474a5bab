// Package fleet runs the instances of the site as processes that can be killed
// and started again.
package fleet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/crossmint-go/auth/example/fleet/internal/instance"
)

// Fleet is some instances. It is safe for concurrent use.
type Fleet struct {
	order instance.Order // but for the name

	mu      sync.Mutex // guards all below
	members []*member
	turn    int
	closed  bool
}

type member struct {
	name     string
	process  *process // nil while it is being started
	answered int
}

// Instance is where one can be reached.
type Instance struct{ Name, Addr string }

// State is how an instance fares.
type State struct {
	Name     string `json:"name"`
	Running  bool   `json:"running"`
	PID      int    `json:"pid"`
	Answered int    `json:"answered"`
}

// Start starts an instance under each of these names.
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

// Next returns the instances in turn, without those that do not run. It
// reports false if none does.
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

// Answered counts an answer of an instance.
func (f *Fleet) Answered(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.named(name); m != nil {
		m.answered++
	}
}

// named returns the member of that name, or nil. The mutex is held.
func (f *Fleet) named(name string) *member {
	for _, m := range f.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// Kill ends an instance at once, as SIGKILL does, and waits until it is gone.
func (f *Fleet) Kill(name string) error {
	f.mu.Lock()
	m := f.named(name)
	if m == nil || !m.runs() {
		f.mu.Unlock()
		return fmt.Errorf("there is no instance %q that runs", name)
	}
	p := m.process
	f.mu.Unlock()
	p.kill()
	<-p.ended
	return nil
}

// Restart starts an instance that does not run.
func (f *Fleet) Restart(name string) error {
	f.mu.Lock()
	m := f.named(name)
	if f.closed || m == nil || m.process == nil || m.runs() {
		f.mu.Unlock()
		return fmt.Errorf("there is no instance %q to be started", name)
	}
	old := m.process
	m.process = nil // so that nobody else starts it
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

// States returns how the instances fare, in the order of Start.
func (f *Fleet) States() []State {
	f.mu.Lock()
	defer f.mu.Unlock()
	var states []State
	for _, m := range f.members {
		s := State{Name: m.name, Running: m.runs(), Answered: m.answered}
		if s.Running {
			s.PID = m.process.cmd.Process.Pid
		}
		states = append(states, s)
	}
	return states
}

// Close ends all instances, and lets them finish what they do.
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
