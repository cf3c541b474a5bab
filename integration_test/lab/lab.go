package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A Subject builds the implementation that is put under the laboratory. Config
// leads to the upstream: its HTTPClient must be used. Close is called when all
// requests are over.
type Subject func(config crossmint.Config) (handler http.Handler, close func(), err error)

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
	// Grace is for how long upstream answers a used refresh token with the
	// same successor. 0: it refuses used tokens at once.
	Grace time.Duration
	// Network, if set, is put between the subject and upstream: it gets the
	// dialer that leads to upstream and returns the one that is used.
	Network func(Dial) Dial
}

// A Dial makes a connection, as [net.Dialer.DialContext] does.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// What the world is like. JWTs live shorter than browsers pause now and then,
// so that about every third request needs a refresh.
const (
	jwtLifetime     = 90 * time.Second
	upstreamLatency = 50 * time.Millisecond
	keyInterval     = 7 * time.Minute // between two rotations of the keys
	clientShare     = 3               // every third browser runs the browser client
	attackers       = 8
)

// laboratory is a run in progress.
type laboratory struct {
	config  Config
	fake    *crossminttest.Server
	oracle  *oracle
	faults  *faults
	handler http.Handler
}

// Run runs the subject and reports. The error is for runs that could not be
// carried out, not for what the oracle found.
func Run(config Config, subject Subject) (Report, error) {
	if config.Users <= 0 || config.Requests <= 0 || config.Faults < 0 || config.Faults > 1 {
		return Report{}, fmt.Errorf("lab: impossible config %+v", config)
	}
	fake, err := crossminttest.New(crossminttest.Config{
		InMemory: true, Algorithm: "EdDSA", JWTLifetime: jwtLifetime, Reuse: reuse(config.Grace), Grace: config.Grace,
	})
	if err != nil {
		return Report{}, err
	}
	defer fake.Close()
	l := &laboratory{config: config, fake: fake, oracle: newOracle(fake)}
	l.faults = newFaults(config, fake, l.oracle)

	transport := fake.Transport().Clone()
	defer transport.CloseIdleConnections()
	if config.Network != nil {
		transport.DialContext = config.Network(transport.DialContext)
	}
	upstream := fake.Config()
	upstream.HTTPClient = &http.Client{Transport: &wire{next: transport, faults: l.faults, oracle: l.oracle}}
	handler, closeSubject, err := subject(upstream)
	if err != nil {
		return Report{}, errors.Join(errors.New("lab: the subject cannot be built"), err)
	}
	l.handler = handler
	started := time.Now()
	l.crowd()
	closeSubject()
	return l.oracle.report(config, l.faults, time.Since(started)), nil
}

func reuse(grace time.Duration) crossminttest.ReusePolicy {
	if grace > 0 {
		return crossminttest.ReuseGrace
	}
	return crossminttest.ReuseRefuse
}

// crowd lets the browsers loose and returns when the last has gone.
func (l *laboratory) crowd() {
	var all, keys sync.WaitGroup
	done := make(chan struct{})
	keys.Go(func() { l.rotateKeys(done) })
	for i := range l.config.Users {
		b := newBrowser(l, i)
		all.Go(func() { b.live(l.config.Requests/l.config.Users + 1) })
	}
	for i := range attackers {
		a := newAttacker(l, i)
		all.Go(func() { a.live(l.config.Requests / l.config.Users * 10) })
	}
	all.Wait()
	close(done)
	keys.Wait()
}

// rotateKeys changes upstream's signing key from time to time, each second
// time at once, so that JWTs signed before no longer verify.
func (l *laboratory) rotateKeys(done <-chan struct{}) {
	ticker := time.NewTicker(keyInterval)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		if i%2 == 0 {
			l.fake.AddKey()
		} else {
			l.fake.RotateKeys()
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
