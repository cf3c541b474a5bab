package fleetlab_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session/event"
)

// fleet is a balancer, round robin, in front of instances. Those that die are
// replaced at once.
type fleet struct {
	upstream crossmint.Config
	// road opens a new instance's way to the store. nil: there is no store.
	road func() (road, error)
	// fatal is how many of upstream's answers one kills its receiver: one in
	// so many. 0: none.
	fatal int
	// spared reports that nobody is to be killed now. nil: never.
	spared func() bool
	// http allows cookies over plain http.
	http bool

	graves sync.WaitGroup // of those who are being buried
	left   left

	mu        sync.Mutex // guards all below
	random    *rand.Rand
	instances []*instance
	turn      int
	kills     int
	closed    bool
	events    map[event.Outcome]int
	failed    error // to replace an instance
}

// build fills a fleet with its instances.
func (f *fleet) build(n int, seed uint64) error {
	f.random, f.events = rand.New(rand.NewPCG(seed, 2)), map[event.Outcome]int{}
	for range n {
		i, err := f.newInstance()
		if err != nil {
			return err
		}
		f.instances = append(f.instances, i)
	}
	return nil
}

// ServeHTTP gives a request to the next instance. One that dies over a GET is
// followed by another, as usual balancers do; other requests get 502.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for {
		got, alive := f.next().serve(r)
		if alive {
			f.left.watch(r, got)
			maps.Copy(w.Header(), got.Header())
			w.WriteHeader(got.Code)
			_, _ = w.Write(got.Body.Bytes())
			return
		}
		if r.Method != http.MethodGet {
			http.Error(w, "an instance died", http.StatusBadGateway)
			return
		}
	}
}

func (f *fleet) next() *instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	return f.instances[f.turn%len(f.instances)]
}

// serve returns an instance's answer, unless it dies before it has given one.
func (i *instance) serve(r *http.Request) (got *httptest.ResponseRecorder, alive bool) {
	w, answered := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(answered)
		i.handler.ServeHTTP(w, r.Clone(r.Context()))
	}()
	select {
	case <-answered:
		return w, i.dead.Err() == nil
	case <-i.dead.Done():
		return nil, false
	}
}

// kill ends an instance in the middle of what it does: nothing reaches the
// store, upstream or a browser from it any more, nor it from them. A new one
// takes its place. In a fleet that is closed nobody dies, although what it still
// refreshes may strike its receiver: nobody would bury the heir.
func (f *fleet) kill(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || i.dead.Err() != nil {
		return
	}
	i.die()
	f.kills++
	heir, err := f.newInstance()
	if err != nil {
		f.failed = err
		return
	}
	for n := range f.instances {
		if f.instances[n] == i {
			f.instances[n] = heir
		}
	}
	f.graves.Go(func() { i.bury(i.dead) })
}

// strikes reports whether the receiver of an answer is to die of it.
func (f *fleet) strikes() bool {
	if f.spared != nil && f.spared() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fatal > 0 && f.random.IntN(f.fatal) == 0
}

func (f *fleet) note(_ context.Context, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[e.Outcome]++
}

// noted returns what was reported so far: stores that were closed may still
// report.
func (f *fleet) noted() map[event.Outcome]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.events)
}

// close ends all instances, and returns what went wrong meanwhile.
func (f *fleet) close() error {
	f.mu.Lock()
	f.closed = true
	rest, failed := f.instances, f.failed
	f.mu.Unlock()
	for _, i := range rest {
		f.graves.Go(func() { i.bury(context.Background()) })
	}
	f.graves.Wait()
	return failed
}
