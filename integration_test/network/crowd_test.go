package network_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/integration_test/network"
	"github.com/crossmint-go/auth/session"
)

// The users of TestCrowd. Their JWTs expire so soon that most requests need upstream.
// Some faults last longer than upstream's grace period.
const (
	crowdSize     = 24
	crowdLifetime = time.Second
	crowdGrace    = 2 * time.Second
	faultTime     = 6 * time.Second
	faultSeed     = 7
)

// TestCrowd checks on real sockets that no network fault signs a user out whose session
// is live.
func TestCrowd(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, secure, nil)
			for _, violation := range o.violations {
				t.Error(violation)
			}
			if !o.enough() || o.counts.Unavailable == 0 {
				t.Errorf("these faults prove nothing: %+v", o.counts)
			}
			if n := o.fake.Calls().Logout; n != 0 {
				t.Errorf("%d logouts at upstream, want none", n)
			}
		})
	}
}

// TestNaiveCrowd checks that the oracle finds faults.
func TestNaiveCrowd(t *testing.T) {
	t.Parallel()
	if o := crowd(t, false, naive); len(o.violations) == 0 {
		t.Errorf("the oracle found no wrongful sign-out of the naive implementation: %+v", o.counts)
	}
}

// crowd runs browsers on a faulty network, and afterwards until each has a response
// other than 503.
func crowd(t *testing.T, secure bool, handler func(*crossmint.Client) http.Handler) *oracle {
	t.Helper()
	o := newOracle()
	s := newSite(t, siteConfig{
		fake: crossminttest.Config{JWTLifetime: crowdLifetime, Reuse: lenient, Grace: crowdGrace}, tls: front(t, secure),
		client: crossmint.Config{HTTPClient: &http.Client{Transport: lab.Deliveries(pingingTransport(), o.delivered)}, Timeout: callTimeout}, handler: handler,
	})
	o.fake = s.fake
	s.preload(t)
	healed := make(chan struct{})
	var wg sync.WaitGroup
	for i := range crowdSize {
		v := s.visitor(t, fmt.Sprintf("user%d@example.com", i), false)
		o.signedIn(v.id, v.token())
		wg.Go(func() { v.run(t, o, rand.New(rand.NewPCG(faultSeed, uint64(i))), healed) })
	}
	changeLinks(s.proxy, o)
	close(healed)
	wg.Wait()
	t.Logf("%+v, upstream %+v", o.counts, s.fake.Calls())
	return o
}

// pingingTransport returns a transport that pings silent HTTP/2 connections, like the
// client's own one.
func pingingTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second}
	return transport
}

// run sends requests, some from two tabs at once, and signs in again when necessary,
// until the network is healed and a response has come.
func (v *visitor) run(t *testing.T, o *oracle, random *rand.Rand, healed <-chan struct{}) {
	for deadline := time.Now().Add(3 * waitTimeout); time.Now().Before(deadline); {
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
		last := isClosed(healed)
		presented, signedIn := v.token(), true
		replies := make([]reply, 1+random.IntN(2))
		var tabs sync.WaitGroup
		for i := range replies {
			tabs.Go(func() { replies[i] = v.get(t) })
		}
		tabs.Wait()
		for _, got := range replies {
			signedIn = o.check(v.id, presented, got) && signedIn
		}
		switch {
		case last && (!signedIn || replies[0].Status == http.StatusOK):
			return
		case !signedIn:
			grant := v.site.fake.SignIn(v.client.Jar, v.url, v.email)
			o.signedIn(v.id, grant.RefreshToken.Secret.Reveal())
		}
	}
	t.Errorf("%s has no response, long after the network was healed", v.id)
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// token returns the refresh token in the jar.
func (v *visitor) token() string {
	for _, c := range v.client.Jar.Cookies(v.url) {
		if c.Name == "crossmint-refresh-token" {
			return c.Value
		}
	}
	return ""
}

var faultyLinks = []network.Link{
	{Refuse: true}, {Pause: 20 * time.Millisecond}, {Pause: 5 * time.Millisecond, Slice: 64}, {Pause: 30 * time.Millisecond, Slice: 1},
	{Cut: network.BeforeHeader}, {Cut: network.AfterHeader}, {Cut: network.InBody},
	{DropRequests: true}, {DropResponses: true}, {DropRequests: true, DropResponses: true},
}

// changeLinks changes the faults of the network, and leaves none at the end. On a busy
// machine it continues until the oracle has seen all kinds of responses.
func changeLinks(p *network.Proxy, o *oracle) {
	random := rand.New(rand.NewPCG(faultSeed, faultSeed))
	began := time.Now()
	for time.Since(began) < faultTime || !o.enough() && time.Since(began) < waitTimeout {
		p.Set(faultyLinks[random.IntN(len(faultyLinks))])
		switch random.IntN(4) {
		case 0:
			p.Silence()
		case 1:
			p.Reset()
		}
		time.Sleep(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
		p.Set(network.Link{})
		time.Sleep(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
	}
}

// naive is the obvious implementation: it signs out after every error.
func naive(client *crossmint.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value := func(name string) string {
			if c, err := r.Cookie(name); err == nil {
				return c.Value
			}
			return ""
		}
		set := func(name, value string) { http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/"}) }
		if token, err := client.Verify(r.Context(), value("crossmint-session"), time.Now()); err == nil {
			_, _ = io.WriteString(w, token.UserID)
			return
		}
		grant, err := client.Refresh(r.Context(), session.NewSecret(value("crossmint-refresh-token")))
		if err != nil {
			for _, name := range []string{"crossmint-session", "crossmint-refresh-token"} {
				http.SetCookie(w, &http.Cookie{Name: name, Path: "/", MaxAge: -1})
			}
			http.Error(w, "signed out", http.StatusUnauthorized)
			return
		}
		set("crossmint-session", grant.JWT.Reveal())
		set("crossmint-refresh-token", grant.RefreshToken.Secret.Reveal())
		_, _ = io.WriteString(w, grant.User.ID)
	})
}
