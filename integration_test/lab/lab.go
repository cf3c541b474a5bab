package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A Subject builds the implementation that is put under the laboratory. Config
// leads to the upstream: its HTTPClient must be used. Close is called when all
// requests are over.
//
// With Config.Life the handler has to be a [Site], and the laboratory builds
// three: one, its backend, and one for another project.
type Subject func(config crossmint.Config) (handler http.Handler, close func(), err error)

// A Site is a handler that also protects the pages of an application. It serves
// POST /refresh and /logout, and POST /signin/code and /signin/confirm with the
// documented forms.
type Site interface {
	http.Handler
	// Require lets only requests with a session pass to next.
	Require(next http.Handler) http.Handler
	// UserID returns the user of a request that Require has let pass.
	UserID(r *http.Request) string
	// Forward prepares a request to a backend that reads the same cookies.
	Forward(out *http.Request)
}

// Attributes of the cookies of an earlier release of the site. A session of that
// release has one of them. The names begin with FormerPrefix in place of
// "crossmint".
const (
	FormerPath   = "/app"
	FormerDomain = "app.example"
	FormerPrefix = "former"
)

// Config describes a run.
type Config struct {
	// Seed repeats a run.
	Seed uint64
	// Users is how many browsers there are, and Requests how many requests
	// they send together, at least.
	Users, Requests int
	// Faults is the share of upstream's refreshes that a fault strikes, from
	// 0 to 1; keys and logouts fail as often.
	Faults float64
	// Grace is for how long upstream accepts a used refresh token and sends the
	// same successor. 0: it refuses used tokens at once.
	Grace time.Duration
	// Latency is the time that upstream takes for a refresh. 0: 50 ms.
	Latency time.Duration
	// Life adds long, failing and wrapped pages, users that sign out and in
	// meanwhile, another project on the same host and cookies of an earlier
	// release.
	Life bool
	// RevokeFamily: without Grace upstream also revokes the session of a token
	// that is used twice.
	RevokeFamily bool
	// Instances: the subject is several processes. After a response with another
	// project's JWT each may remember the refusal although another has healed the
	// session.
	Instances bool
	// Network, if set, is put between the subject and upstream: it gets the
	// dialer that leads to upstream and returns the one that is used.
	Network func(Dial) Dial
}

// A Dial makes a connection, as [net.Dialer.DialContext] does.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// What the world is like. JWTs live shorter than browsers pause now and then,
// so that about every third request needs a refresh.
const (
	jwtLifetime    = 90 * time.Second
	defaultLatency = 50 * time.Millisecond
	keyInterval    = 7 * time.Minute // between two rotations of the keys
	clientShare    = 3               // every third browser runs the browser client
	attackers      = 8
)

// laboratory is a run in progress.
type laboratory struct {
	config Config
	oracle *oracle
	worlds []*world // the second is another project
}

// world is one project: an upstream, and the subject in front of it.
type world struct {
	fake    *crossminttest.Server
	faults  *faults
	handler http.Handler
	close   []func() // in reverse order
}

// Run runs the subject and reports. The error is for runs that could not be
// carried out, not for what the oracle found.
func Run(config Config, subject Subject) (Report, error) {
	if config.Users <= 0 || config.Requests <= 0 || config.Faults < 0 || config.Faults > 1 || config.Latency < 0 {
		return Report{}, fmt.Errorf("lab: impossible config %+v", config)
	}
	l := &laboratory{config: config, oracle: newOracle(config.Instances)}
	defer func() {
		for _, w := range l.worlds {
			w.end()
		}
	}()
	projects := []string{crossminttest.DefaultProjectID}
	if config.Life {
		projects = append(projects, "another-project")
	}
	for i, project := range projects {
		w := &world{}
		l.worlds = append(l.worlds, w)
		if err := w.build(l, uint64(i), project, subject); err != nil {
			return Report{}, errors.Join(errors.New("lab: the subject cannot be built"), err)
		}
	}
	started := time.Now()
	l.crowd()
	took := time.Since(started)
	if config.Life {
		time.Sleep(settleTime)
		l.oracle.audit()
	}
	return l.report(took), nil
}

// settleTime is the time for which a subject may still revoke sessions in the
// background.
const settleTime = time.Minute

func (w *world) build(l *laboratory, i uint64, project string, subject Subject) (err error) {
	w.fake, err = crossminttest.New(crossminttest.Config{
		ProjectID: project, InMemory: true, Algorithm: "EdDSA", JWTLifetime: jwtLifetime, Reuse: reuse(l.config), Grace: l.config.Grace,
	})
	if err != nil {
		return err
	}
	w.close = append(w.close, w.fake.Close)
	w.faults = newFaults(l.config, i, w.fake, l.oracle)
	transport := w.fake.Transport().Clone()
	w.close = append(w.close, transport.CloseIdleConnections)
	if l.config.Network != nil {
		transport.DialContext = l.config.Network(transport.DialContext)
	}
	launch := func(backend bool) (http.Handler, error) {
		upstream := w.fake.Config()
		upstream.HTTPClient = &http.Client{Transport: &wire{transport, w.fake, w.faults, l.oracle, backend}}
		handler, closeSubject, err := subject(upstream)
		if err == nil {
			w.close = append(w.close, closeSubject)
		}
		return handler, err
	}
	if w.handler, err = launch(false); err != nil || !l.config.Life {
		return err
	}
	backend, err := launch(true)
	if err != nil {
		return err
	}
	front, ok := w.handler.(Site)
	behind, alsoOK := backend.(Site)
	if !ok || !alsoOK {
		return errors.New("lab: the handler is no Site")
	}
	w.handler = newPages(front, behind, l.oracle)
	return nil
}

func (w *world) end() {
	for _, end := range slices.Backward(w.close) {
		end()
	}
}

func reuse(config Config) crossminttest.ReusePolicy {
	switch {
	case config.Grace > 0:
		return crossminttest.ReuseGrace
	case config.RevokeFamily:
		return crossminttest.ReuseRevokesFamily
	default:
		return crossminttest.ReuseRefuse
	}
}

// home returns the project of a browser: that of every tenth is the other one.
func (l *laboratory) home(i int) *world { return l.worlds[i%10/9*(len(l.worlds)-1)] }

// url returns the address at which all browsers are.
func (l *laboratory) url() *url.URL {
	u := &url.URL{Scheme: "https", Host: "app.example", Path: "/"}
	if l.config.Life {
		u.Path = "/app/"
	}
	return u
}

// pathOf returns the path of a protected page.
func (l *laboratory) pathOf(kind string) string {
	if l.config.Life {
		return pathOf(kind)
	}
	return "/me"
}

// crowd lets the browsers loose and returns when the last has gone.
func (l *laboratory) crowd() {
	var all, keys sync.WaitGroup
	done := make(chan struct{})
	for _, w := range l.worlds {
		keys.Go(func() { w.rotateKeys(done) })
	}
	live := (*browser).live
	if l.config.Life {
		live = (*browser).dwell
	}
	for i := range l.config.Users {
		b := newBrowser(l, i)
		all.Go(func() { live(b, l.config.Requests/l.config.Users+1) })
	}
	for i := range attackers {
		a := newAttacker(l, i)
		all.Go(func() { a.live(min(l.config.Requests/l.config.Users*10, l.config.Requests/attackers/2)) })
	}
	all.Wait()
	close(done)
	keys.Wait()
}

// rotateKeys changes upstream's signing key from time to time, each second
// time at once, so that JWTs signed before no longer verify.
func (w *world) rotateKeys(done <-chan struct{}) {
	ticker := time.NewTicker(keyInterval)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		if i%2 == 0 {
			w.fake.AddKey()
		} else {
			w.fake.RotateKeys()
		}
	}
}

// random returns the source of chance of one actor.
func (l *laboratory) random(kind string, i int) *rand.Rand {
	var stream uint64
	for _, b := range []byte(kind) {
		stream = stream*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(l.config.Seed, stream<<32+uint64(i)))
}
