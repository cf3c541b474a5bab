package fleetlab_test

import (
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// fleet is a round-robin load balancer in front of instances. A killed instance is
// replaced at once. It is a lab.Site.
type fleet struct {
	upstream crossmint.Config
	// newRoute returns the route of a new instance to the store. nil: there is no
	// store.
	newRoute func() (route, error)
	// killOneIn is the average number of refresh responses of upstream per
	// response whose receiver is killed. 0: none is killed.
	killOneIn int
	// killsSuspended reports that no instance must be killed now. nil: never.
	killsSuspended func() bool
	// allowHTTP allows cookies over plain HTTP.
	allowHTTP bool
	// unbuffered: the instances write the responses themselves. Then none may be
	// killed.
	unbuffered bool
	// sticky: all requests of one address reach the same instance.
	sticky bool
	// freezes: the instances are frozen while they serve no request.
	freezes bool
	// requests counts the requests. nil: they are not counted.
	requests *atomic.Int64

	releases sync.WaitGroup // of killed and closed instances
	logouts  logoutObserver

	mu         sync.Mutex // guards all below
	random     *rand.Rand
	instances  []*instance
	turn       int
	kills      int
	replaced   int // instances that were replaced gracefully
	waits      int // upstream calls that waited for a frozen instance
	closed     bool
	events     map[event.Outcome]int
	replaceErr error // of the last replacement that failed
}

// start starts n instances.
func (f *fleet) start(n int, seed uint64) error {
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

// ServeHTTP gives a request to the next instance. If that is killed, a GET is sent
// again to another instance, as load balancers do; other methods get 502, and so do
// all requests once the fleet is closed.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.unbuffered {
		i := f.acquire(r)
		defer i.leave()
		i.handler.ServeHTTP(w, r)
		return
	}
	for {
		i := f.acquire(r)
		got, alive := i.serve(r)
		i.leave()
		if alive {
			f.logouts.observe(r, got)
			maps.Copy(w.Header(), got.Header())
			w.WriteHeader(got.Code)
			_, _ = w.Write(got.Body.Bytes())
			return
		}
		if r.Method != http.MethodGet || f.isClosed() {
			http.Error(w, "the instance was killed", http.StatusBadGateway)
			return
		}
	}
}

// Require implements lab.Site. The next instance serves each request.
func (f *fleet) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := f.acquire(r)
		defer i.leave()
		i.require(next).ServeHTTP(w, r)
	})
}

// UserID implements lab.Site.
func (f *fleet) UserID(r *http.Request) string {
	s, _ := session.FromContext(r.Context())
	return s.UserID
}

// Forward implements lab.Site.
func (f *fleet) Forward(out *http.Request) { f.next().cookies.Forward(out) }

func (f *fleet) next() *instance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nextLocked()
}

func (f *fleet) nextLocked() *instance {
	f.turn++
	return f.instances[f.turn%len(f.instances)]
}

// acquire returns the instance for a request, which has to leave it.
func (f *fleet) acquire(r *http.Request) *instance {
	if f.requests != nil {
		f.requests.Add(1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.nextLocked()
	if f.sticky {
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.RemoteAddr)) // never fails
		i = f.instances[h.Sum32()%uint32(len(f.instances))]
	}
	i.enter()
	return i
}

// replace replaces the instance that is the oldest. It finishes its requests, and
// closes.
func (f *fleet) replace() {
	f.mu.Lock()
	defer f.mu.Unlock()
	replacement, err := f.newInstance()
	if err != nil || f.closed {
		f.replaceErr = err
		return
	}
	n := f.replaced % len(f.instances)
	old := f.instances[n]
	f.instances[n] = replacement
	f.replaced++
	f.releases.Go(func() {
		old.requests.Wait()
		old.release(context.Background())
	})
}

// serve returns the response of an instance. It returns false if the instance is
// killed before the response is complete.
func (i *instance) serve(r *http.Request) (got *httptest.ResponseRecorder, alive bool) {
	w, finished := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(finished)
		i.handler.ServeHTTP(w, r.Clone(r.Context()))
	}()
	select {
	case <-finished:
		return w, i.killed.Err() == nil
	case <-i.killed.Done():
		return nil, false
	}
}

// upTo returns a random duration below d.
func (f *fleet) upTo(d time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return upTo(f.random, d)
}

// kill kills an instance at any point of its work: from then on it exchanges no byte
// with the store, upstream or a browser. A new instance replaces it. A closed fleet
// kills no instance, even if one is still refreshing, because nothing would release
// the replacement.
func (f *fleet) kill(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || i.killed.Err() != nil {
		return
	}
	i.disconnect()
	f.kills++
	replacement, err := f.newInstance()
	if err != nil {
		f.replaceErr = err
		return
	}
	for n := range f.instances {
		if f.instances[n] == i {
			f.instances[n] = replacement
		}
	}
	f.releases.Go(func() { i.release(i.killed) })
}

// chooseKill reports whether the receiver of a refresh response is to be killed.
func (f *fleet) chooseKill() bool {
	if f.killsSuspended != nil && f.killsSuspended() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.killOneIn > 0 && f.random.IntN(f.killOneIn) == 0
}

func (f *fleet) countEvent(_ context.Context, e event.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[e.Outcome]++
}

func (f *fleet) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *fleet) countWait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits++
}

// eventCounts returns a copy of the counts of the events. The instances may report
// more events later, even after close.
func (f *fleet) eventCounts() map[event.Outcome]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.events)
}

// close closes all instances. It returns the error of a replacement that failed.
func (f *fleet) close() error {
	f.mu.Lock()
	f.closed = true
	rest, err := f.instances, f.replaceErr
	f.mu.Unlock()
	for _, i := range rest {
		f.releases.Go(func() { i.release(context.Background()) })
	}
	f.releases.Wait()
	return err
}
