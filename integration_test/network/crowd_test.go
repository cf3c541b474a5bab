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

// The crowd: its JWTs live so shortly that most requests need upstream, and
// upstream forgives for shorter than some of the bad weather lasts.
const (
	crowdSize     = 24
	crowdLifetime = time.Second
	crowdGrace    = 2 * time.Second
	weatherLasts  = 6 * time.Second
	weatherSeed   = 7
)

// TestCrowd is the laboratory's question on real sockets: is anybody signed
// out who need not be, however the network behaves?
func TestCrowd(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", secure), func(t *testing.T) {
			t.Parallel()
			o := crowd(t, secure, nil)
			for _, fault := range o.faults {
				t.Error(fault)
			}
			if !o.enough() || o.counts.Undecided == 0 {
				t.Errorf("this weather proves nothing: %+v", o.counts)
			}
			if n := o.fake.Calls().Logout; n != 0 {
				t.Errorf("upstream was asked %d times to end a session", n)
			}
		})
	}
}

// The oracle bites: what does the obvious is caught.
func TestNaiveCrowd(t *testing.T) {
	t.Parallel()
	if o := crowd(t, false, naive); len(o.faults) == 0 {
		t.Errorf("the naive implementation signed nobody out: %+v", o.counts)
	}
}

// crowd sends browsers through bad weather and, when it is over, until each has
// an answer that is not "later".
func crowd(t *testing.T, secure bool, handler func(*crossmint.Client) http.Handler) *oracle {
	t.Helper()
	o := newOracle()
	s := newSite(t, siteConfig{
		fake: crossminttest.Config{JWTLifetime: crowdLifetime, Reuse: forgiving, Grace: crowdGrace}, tls: front(t, secure),
		client: crossmint.Config{HTTPClient: &http.Client{Transport: lab.Deliveries(asking(), o.delivered)}, Timeout: callTimeout}, handler: handler,
	})
	o.fake = s.fake
	s.preload(t)
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := range crowdSize {
		v := s.visitor(t, fmt.Sprintf("user%d@example.com", i), false)
		o.signedIn(v.id, v.token())
		all.Go(func() { v.live(t, o, rand.New(rand.NewPCG(weatherSeed, uint64(i))), over) })
	}
	weather(s.proxy, o)
	close(over)
	all.Wait()
	t.Logf("%+v, upstream %+v", o.counts, s.fake.Calls())
	return o
}

// asking is a transport that asks silent connections of HTTP/2 whether they
// live, as the client's own does.
func asking() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Second}
	return transport
}

// live sends requests, some of two tabs at once, and signs in anew where it has
// to, until the weather is over and an answer came.
func (v *visitor) live(t *testing.T, o *oracle, random *rand.Rand, over <-chan struct{}) {
	for deadline := time.Now().Add(3 * patience); time.Now().Before(deadline); {
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
		last := ended(over)
		presented, signedIn := v.token(), true
		answers := make([]reply, 1+random.IntN(2))
		var tabs sync.WaitGroup
		for i := range answers {
			tabs.Go(func() { answers[i] = v.get(t) })
		}
		tabs.Wait()
		for _, got := range answers {
			signedIn = o.answered(v.id, presented, got) && signedIn
		}
		switch {
		case last && (!signedIn || answers[0].Status == http.StatusOK):
			return
		case !signedIn:
			grant := v.site.fake.SignIn(v.client.Jar, v.url, v.email)
			o.signedIn(v.id, grant.RefreshToken.Secret.Reveal())
		}
	}
	t.Errorf("%s has no answer, long after the weather", v.id)
}

func ended(over <-chan struct{}) bool {
	select {
	case <-over:
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

var badLinks = []network.Link{
	{Refuse: true}, {Pause: 20 * time.Millisecond}, {Pause: 5 * time.Millisecond, Slice: 64}, {Pause: 30 * time.Millisecond, Slice: 1},
	{Cut: network.BeforeHeader}, {Cut: network.AfterHeader}, {Cut: network.InBody},
	{Deaf: true}, {Mute: true}, {Deaf: true, Mute: true},
}

// weather changes the network until it is over, and leaves it good. On a busy
// machine it goes on until the oracle has seen enough.
func weather(p *network.Proxy, o *oracle) {
	random := rand.New(rand.NewPCG(weatherSeed, weatherSeed))
	began := time.Now()
	for time.Since(began) < weatherLasts || !o.enough() && time.Since(began) < patience {
		p.Set(badLinks[random.IntN(len(badLinks))])
		switch random.IntN(4) {
		case 0:
			p.Strand()
		case 1:
			p.Break()
		}
		time.Sleep(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
		p.Set(network.Link{})
		time.Sleep(time.Duration(random.Int64N(int64(600 * time.Millisecond))))
	}
}

// naive is the obvious implementation: whatever goes wrong is a sign-out.
func naive(client *crossmint.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value := func(name string) string {
			if c, err := r.Cookie(name); err == nil {
				return c.Value
			}
			return ""
		}
		set := func(name, value string) { http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/"}) }
		if token, err := client.Verify(r.Context(), value("crossmint-session")); err == nil {
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
