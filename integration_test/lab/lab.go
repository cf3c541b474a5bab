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

// A Subject returns the implementation to test. It must use config with its
// HTTPClient, which leads to upstream. Run calls close after all requests.
type Subject func(config crossmint.Config) (handler http.Handler, close func(), err error)

// Config describes a run.
type Config struct {
	// Seed repeats a run.
	Seed uint64
	// Users is the number of browsers, Requests the minimum number of requests
	// that they send together.
	Users, Requests int
	// Faults is the share of refreshes that fail, from 0 to 1. Key fetches and
	// logouts fail as often.
	Faults float64
	// Grace is the time for which upstream accepts a used refresh token again,
	// with the same response. 0: it rejects used tokens immediately.
	Grace time.Duration
	// Network may put a network between the subject and upstream: it gets the
	// dialer to upstream and returns the one to use. nil: no change.
	Network func(Dial) Dial
}

// A Dial makes a connection, as [net.Dialer.DialContext] does.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// The environment of the subject. Some pauses of browsers are longer than the life
// of a JWT, so that about every third request needs a refresh.
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

// Run runs the subject and returns a report. An error means that the run failed, not
// that the oracle found faults.
func Run(config Config, subject Subject) (Report, error) {
	if config.Users <= 0 || config.Requests <= 0 || config.Faults < 0 || config.Faults > 1 {
		return Report{}, fmt.Errorf("lab: invalid config %+v", config)
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
		return Report{}, errors.Join(errors.New("lab: the subject failed to start"), err)
	}
	l.handler = handler
	started := time.Now()
	l.runAll()
	closeSubject()
	return l.oracle.report(config, l.faults, time.Since(started)), nil
}

func reuse(grace time.Duration) crossminttest.ReusePolicy {
	if grace > 0 {
		return crossminttest.ReuseGrace
	}
	return crossminttest.ReuseRefuse
}

// runAll runs all browsers and attackers until they have sent their requests.
func (l *laboratory) runAll() {
	var actors, keys sync.WaitGroup
	done := make(chan struct{})
	keys.Go(func() { l.rotateKeys(done) })
	for i := range l.config.Users {
		b := newBrowser(l, i)
		actors.Go(func() { b.run(l.config.Requests/l.config.Users + 1) })
	}
	for i := range attackers {
		a := newAttacker(l, i)
		actors.Go(func() { a.run(l.config.Requests / l.config.Users * 10) })
	}
	actors.Wait()
	close(done)
	keys.Wait()
}

// rotateKeys changes the signing key of upstream from time to time. Every second time
// it removes the old key at once, so that earlier JWTs become invalid.
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

// random returns the random source of one actor.
func (l *laboratory) random(kind string, i int) *rand.Rand {
	var stream uint64
	for _, b := range []byte(kind) {
		stream = stream*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(l.config.Seed, stream<<32+uint64(i)))
}
