package lab

import (
	"crypto/x509"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// class is one kind of fault of a refresh: before it is sent (dial), or at upstream
// (make).
type class struct {
	name string
	dial error
	make func(*faults) crossminttest.Fault
	// losesToken reports that upstream rotates the token and that the new one
	// does not arrive.
	losesToken bool
}

func always(f crossminttest.Fault) func(*faults) crossminttest.Fault {
	return func(*faults) crossminttest.Fault { return f }
}

func status(code int, body string) func(*faults) crossminttest.Fault {
	return always(crossminttest.Status(code, "", body))
}

// html is the response of a gateway.
func html(code int) crossminttest.Fault {
	return crossminttest.Status(code, "text/html", "<html><title>Bad Gateway</title></html>")
}

// classes returns all kinds of faults, those of dialing first.
func classes() []class {
	edited := func(name string, change func(f *faults, response map[string]any)) class {
		return class{name: name, losesToken: true, make: func(f *faults) crossminttest.Fault {
			return f.edit(func(response map[string]any) { change(f, response) })
		}}
	}
	without := func(member string) func(*faults, map[string]any) {
		return func(_ *faults, response map[string]any) { delete(response, member) }
	}
	jwt := func(forge func(*faults, session.User) string) func(*faults, map[string]any) {
		return func(f *faults, response map[string]any) { response["jwt"] = forge(f, userOf(response)) }
	}
	overloaded := func(after string) func(*faults) crossminttest.Fault {
		return always(crossminttest.Status(429, "", `{"message":"slow down"}`).With("Retry-After", after))
	}
	return []class{
		{name: "connection refused", dial: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}},
		{name: "DNS failure", dial: &net.DNSError{Err: "no such host", Name: "upstream", IsNotFound: true}},
		{name: "TLS failure", dial: x509.UnknownAuthorityError{}},
		{name: "reset before", make: always(crossminttest.Reset())},
		{name: "reset after", losesToken: true, make: always(crossminttest.LoseAnswer())},
		{name: "truncated", losesToken: true, make: always(crossminttest.Truncate())},
		{name: "hang", make: always(crossminttest.Hang())},
		{name: "too late", losesToken: true, make: always(crossminttest.Delay(12 * time.Second))},
		{name: "late", make: always(crossminttest.Delay(9 * time.Second))},
		{name: "slow loris", losesToken: true, make: always(crossminttest.SlowBody(100 * time.Millisecond))},
		{name: "200 HTML", make: always(html(200))},
		{name: "204", make: status(204, "")},
		edited("no jwt", without("jwt")),
		edited("no refresh", without("refresh")),
		edited("no user", without("user")),
		edited("wrong type", func(_ *faults, a map[string]any) { a["refresh"] = 7 }),
		edited("other user", func(_ *faults, a map[string]any) { a["user"] = map[string]any{"id": "another-user"} }),
		edited("forged JWT", jwt(func(f *faults, u session.User) string { return f.fake.ForgedJWT(u) })),
		edited("foreign JWT", jwt(func(f *faults, u session.User) string { return f.fake.ForeignJWT(u) })),
		edited("expired JWT", jwt(func(f *faults, u session.User) string { return f.fake.ExpiredJWT(u) })),
		{name: "invalid UTF-8", losesToken: true, make: always(crossminttest.InvalidUTF8())},
		{name: "huge", make: always(crossminttest.HugeBody(2 << 20))},
		{name: "redirect", make: always(crossminttest.Redirect("https://elsewhere.example/"))},
		{name: "400 HTML", make: always(html(400))},
		{name: "401 HTML", make: always(html(401))},
		{name: "403 JSON", make: status(403, `{"error":true,"message":"Malformed API key"}`)},
		{name: "408", make: status(408, "{}")},
		{name: "425", make: status(425, "{}")},
		{name: "429", make: overloaded("7")},
		{name: "429, negative", make: overloaded("-1")},
		{name: "429 with a date", make: overloaded("Mon, 01 Jan 2035 00:00:00 GMT")},
		{name: "429, absurd", make: overloaded("1000000000000000000000000000000")},
		{name: "500", make: status(500, `{"error":"secret token is invalid"}`)},
		{name: "502", make: always(html(502))},
		{name: "502 after", losesToken: true, make: always(html(502).AfterEffect())},
		{name: "503", make: status(503, "{}")},
		{name: "504 after", losesToken: true, make: always(html(504).AfterEffect())},
	}
}

func userOf(response map[string]any) session.User {
	user, _ := response["user"].(map[string]any)
	id, _ := user["id"].(string)
	return session.User{ID: id}
}

// keyFaults are the faults of key fetches.
func keyFaults() []crossminttest.Fault {
	return []crossminttest.Fault{
		crossminttest.Reset(), crossminttest.Hang(), crossminttest.Truncate(), crossminttest.HugeBody(2 << 20), html(502),
		crossminttest.Status(200, "", `{"keys":[]}`), crossminttest.Status(200, "", "garbage"), crossminttest.Delay(3 * time.Second),
		crossminttest.Redirect("https://elsewhere.example/"),
	}
}

// faults chooses the faults of the calls and counts them.
type faults struct {
	fake    *crossminttest.Server
	oracle  *oracle
	share   float64
	classes []class
	dialing int // number of classes that are faults of dialing

	mu     sync.Mutex // guards all below
	random *rand.Rand
	counts map[string]int // by name of the class
	lost   int            // rotated tokens that did not arrive
	calls  int
}

func newFaults(config Config, fake *crossminttest.Server, o *oracle) *faults {
	f := &faults{
		fake: fake, oracle: o, share: config.Faults, classes: classes(), counts: map[string]int{},
		random: rand.New(rand.NewPCG(config.Seed, 1)),
	}
	for _, c := range f.classes {
		if c.dial != nil {
			f.dialing++
		}
	}
	fake.SetLatency(crossminttest.Refresh, upstreamLatency)
	fake.FailWith(crossminttest.Refresh, f.refresh)
	fake.FailWith(crossminttest.JWKS, func() crossminttest.Fault { return f.pick(keyFaults()) })
	fake.FailWith(crossminttest.Logout, func() crossminttest.Fault {
		return f.pick([]crossminttest.Fault{crossminttest.Reset(), crossminttest.LoseAnswer(), crossminttest.Hang(), html(502)})
	})
	return f
}

// dial returns the error of a failed dial, or nil.
func (f *faults) dial() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.random.Float64() >= f.share*float64(f.dialing)/float64(len(f.classes)) {
		return nil
	}
	c := f.classes[f.random.IntN(f.dialing)]
	f.counts[c.name]++
	return c.dial
}

// refresh returns the fault of a call that has reached upstream.
func (f *faults) refresh() crossminttest.Fault {
	f.mu.Lock()
	fails := f.random.Float64() < f.share*float64(len(f.classes)-f.dialing)/float64(len(f.classes))
	c := f.classes[f.dialing+f.random.IntN(len(f.classes)-f.dialing)]
	if fails {
		f.counts[c.name]++
		if c.losesToken {
			f.lost++
		}
	}
	f.mu.Unlock()
	if !fails {
		return crossminttest.Fault{}
	}
	return c.make(f)
}

func (f *faults) pick(of []crossminttest.Fault) crossminttest.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.Float64() >= f.share {
		return crossminttest.Fault{}
	}
	return of[f.random.IntN(len(of))]
}

// edit changes a response. It tells the oracle about a JWT that is not upstream's own
// one, because upstream may send its own one again in a correct response.
func (f *faults) edit(change func(response map[string]any)) crossminttest.Fault {
	return crossminttest.Edit(func(response map[string]any) {
		own := response["jwt"]
		change(response)
		if jwt, ok := response["jwt"].(string); ok && jwt != own {
			f.oracle.addInvalidJWT(jwt)
		}
	})
}
