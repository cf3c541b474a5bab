package lab

import (
	"cmp"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// class is one way in which a refresh goes wrong: before it is sent (dial), or
// as the upstream does it (make).
type class struct {
	name string
	dial error
	make func(*faults) crossminttest.Fault
	// eats says that the token is rotated, and that its successor does not
	// arrive.
	eats bool
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

// classes are all the ways; those of dialing come first.
func classes() []class {
	falsified := func(name string, change func(f *faults, response map[string]any)) class {
		return class{name: name, eats: true, make: func(f *faults) crossminttest.Fault {
			return f.edit(name == foreignJWT, func(response map[string]any) { change(f, response) })
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
		{name: "reset after", eats: true, make: always(crossminttest.LoseResponse())},
		{name: "truncated", eats: true, make: always(crossminttest.Truncate())},
		{name: "hang", make: always(crossminttest.Hang())},
		{name: "too late", eats: true, make: always(crossminttest.Delay(12 * time.Second))},
		{name: "late", make: always(crossminttest.Delay(9 * time.Second))},
		{name: "slow loris", eats: true, make: always(crossminttest.SlowBody(100 * time.Millisecond))},
		{name: "200 HTML", make: always(html(200))},
		{name: "204", make: status(204, "")},
		falsified("no jwt", without("jwt")),
		falsified("no refresh", without("refresh")),
		falsified("no user", without("user")),
		falsified("wrong type", func(_ *faults, a map[string]any) { a["refresh"] = 7 }),
		falsified("other user", func(_ *faults, a map[string]any) { a["user"] = map[string]any{"id": "somebody-else"} }),
		falsified("forged JWT", jwt(func(f *faults, u session.User) string { return f.fake.ForgedJWT(u) })),
		falsified(foreignJWT, jwt(func(f *faults, u session.User) string { return f.fake.ForeignJWT(u) })),
		falsified("expired JWT", jwt(func(f *faults, u session.User) string { return f.fake.ExpiredJWT(u) })),
		{name: "invalid UTF-8", eats: true, make: always(crossminttest.InvalidUTF8())},
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
		{name: "500", make: status(500, `{"error":"secret token is wrong"}`)},
		{name: "502", make: always(html(502))},
		{name: "502 after", eats: true, make: always(html(502).AfterEffect())},
		{name: "503", make: status(503, "{}")},
		{name: "504 after", eats: true, make: always(html(504).AfterEffect())},
	}
}

// foreignJWT is the class whose responses name another project.
const foreignJWT = "foreign JWT"

func userOf(response map[string]any) session.User {
	user, _ := response["user"].(map[string]any)
	id, _ := user["id"].(string)
	return session.User{ID: id}
}

// keyFaults strike the fetches of keys.
func keyFaults() []crossminttest.Fault {
	return []crossminttest.Fault{
		crossminttest.Reset(), crossminttest.Hang(), crossminttest.Truncate(), crossminttest.HugeBody(2 << 20), html(502),
		crossminttest.Status(200, "", `{"keys":[]}`), crossminttest.Status(200, "", "garbage"), crossminttest.Delay(3 * time.Second),
		crossminttest.Redirect("https://elsewhere.example/"),
	}
}

// faults decides which calls a fault strikes, and counts.
type faults struct {
	fake    *crossminttest.Server
	oracle  *oracle
	share   float64
	classes []class
	dialing int // how many of the classes are faults of dialing; they come first

	mu     sync.Mutex // guards all below
	random *rand.Rand
	struck map[string]int
	eaten  int
	calls  int
	keys   int
}

func newFaults(config Config, stream uint64, fake *crossminttest.Server, o *oracle) *faults {
	f := &faults{
		fake: fake, oracle: o, share: config.Faults, classes: classes(), struck: map[string]int{},
		random: rand.New(rand.NewPCG(config.Seed, 1+stream)),
	}
	for _, c := range f.classes {
		if c.dial != nil {
			f.dialing++
		}
	}
	fake.SetLatency(crossminttest.Refresh, cmp.Or(config.Latency, defaultLatency))
	fake.FailWith(crossminttest.Refresh, f.refresh)
	fake.FailWith(crossminttest.JWKS, func() crossminttest.Fault { return f.pick(keyFaults()) })
	fake.FailWith(crossminttest.Logout, func() crossminttest.Fault {
		return f.pick([]crossminttest.Fault{crossminttest.Reset(), crossminttest.LoseResponse(), crossminttest.Hang(), html(502)})
	})
	return f
}

// dial returns the error of a connection that cannot be made, or nil.
func (f *faults) dial() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.random.Float64() >= f.share*float64(f.dialing)/float64(len(f.classes)) {
		return nil
	}
	c := f.classes[f.random.IntN(f.dialing)]
	f.struck[c.name]++
	return c.dial
}

// refresh returns the fault of a call that has arrived.
func (f *faults) refresh() crossminttest.Fault {
	f.mu.Lock()
	strikes := f.random.Float64() < f.share*float64(len(f.classes)-f.dialing)/float64(len(f.classes))
	c := f.classes[f.dialing+f.random.IntN(len(f.classes)-f.dialing)]
	if strikes {
		f.struck[c.name]++
		if c.eats {
			f.eaten++
		}
	}
	f.mu.Unlock()
	if !strikes {
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
	f.keys++
	return of[f.random.IntN(len(of))]
}

// edit falsifies a response. The oracle is told of a JWT that is not upstream's
// own; upstream's own may come again, in a response that nothing is wrong with.
func (f *faults) edit(foreign bool, change func(response map[string]any)) crossminttest.Fault {
	return crossminttest.Edit(func(response map[string]any) {
		own := response["jwt"]
		change(response)
		if jwt, ok := response["jwt"].(string); ok && jwt != own {
			f.oracle.falsified(jwt, foreign)
		}
	})
}
