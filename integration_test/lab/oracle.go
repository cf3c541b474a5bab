package lab

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows the truth about the sessions, and judges.
type oracle struct {
	fake *crossminttest.Server

	mu       sync.Mutex // guards all below
	people   map[string]*person
	owners   map[string]*person // by refresh token
	false    map[string]bool    // JWTs of falsified answers
	counts   counts
	examples []string
}

// person is a user with one browser, and one session at a time.
type person struct {
	id     string
	newest string // the newest refresh token that was delivered in full
	asked  bool   // to be logged out, by the user
	client bool   // to be logged out, by the browser client
}

// counts is what happened.
type counts struct {
	Requests, Served, Refused, Undecided, Other int
	SignIns, Logouts, Revocations               int
	Disconnects, LostAnswers                    int

	WrongfulLogouts, WrongfulEntries int

	// RightfulLogouts: the newest token was dead when the cookies were cleared.
	RightfulLogouts int
	// LostOnTheWire of them: upstream's answer with the successor never came.
	LostOnTheWire int
	// LostByClient: sessions that the browser client ended although they lived.
	LostByClient int
	// Stranded: 401 with cookies kept, where the browser's own token was dead.
	Stranded int
	// TurnedAway: the same where it lived, and nobody had asked to log out.
	TurnedAway int
	// Attacks: requests with made-up or foreign tokens.
	Attacks int
}

func newOracle(fake *crossminttest.Server) *oracle {
	return &oracle{fake: fake, people: map[string]*person{}, owners: map[string]*person{}, false: map[string]bool{}}
}

// maxExamples bounds the faults that a report tells in words.
const maxExamples = 10

// count changes the counts.
func (o *oracle) count(change func(*counts)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.counts)
}

// example tells of one fault. The mutex is held.
func (o *oracle) example(format string, args ...any) {
	if len(o.examples) < maxExamples {
		o.examples = append(o.examples, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// signedIn notes a new session of the person, whose token the browser has.
func (o *oracle) signedIn(id, secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.people[id] = &person{id: id, newest: secret}
	o.owners[secret] = o.people[id]
	o.counts.SignIns++
}

// leaving notes that a logout is asked for, by the user or by the client.
func (o *oracle) leaving(id string, byClient bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.people[id]
	if p == nil {
		return
	}
	if byClient && !p.client && !p.asked && o.fake.Live(p.newest) {
		o.counts.LostByClient++
	}
	p.asked, p.client = p.asked || !byClient, p.client || byClient
}

// falsified notes a JWT of an answer that is not upstream's own.
func (o *oracle) falsified(jwt string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.false[jwt] = true
}

// answered notes an answer to a presented token that was read to its end. The
// session is the one that the token belongs to: its user may have signed in
// anew meanwhile. A false answer delivers nothing, but the token in it belongs
// to the session: it may be exchanged on.
func (o *oracle) answered(presented string, body []byte) {
	var answer struct {
		JWT     string
		Refresh struct{ Secret string }
		User    struct{ ID string }
	}
	if !utf8.Valid(body) || json.Unmarshal(body, &answer) != nil || answer.Refresh.Secret == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.owners[presented]
	if p == nil {
		return
	}
	o.owners[answer.Refresh.Secret] = p
	if p.id == answer.User.ID && answer.JWT != "" && !o.false[answer.JWT] {
		p.newest = answer.Refresh.Secret
	}
}

// revoking judges a logout that the subject sends upstream.
func (o *oracle) revoking(secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Revocations++
	p := o.owners[secret]
	if p != nil && !p.asked && !p.client && o.fake.Live(p.newest) {
		o.counts.WrongfulLogouts++
		o.example("user %s: revoked upstream", p.id)
	}
}

// cleared judges an answer that clears the cookies of a person.
func (o *oracle) cleared(id, presented string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.people[id]
	switch {
	case p == nil || p.asked || p.client:
	case o.fake.Live(p.newest):
		o.counts.WrongfulLogouts++
		o.example("user %s: cookies cleared; presented %.6s…, newest %.6s… is live", id, presented, p.newest)
	default:
		o.counts.RightfulLogouts++
		if o.fake.LiveOf(id) > 0 {
			o.counts.LostOnTheWire++
		}
	}
}

// kept judges a 401 that leaves the cookies: of no use to a browser whose own
// token is dead, and wrong for one whose token lives.
func (o *oracle) kept(id, presented string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.people[id]
	switch {
	case !o.fake.Live(presented):
		o.counts.Stranded++
	case p != nil && !p.asked && !p.client:
		o.counts.TurnedAway++
		o.example("user %s: 401, cookies kept; presented %.6s…, which is live", id, presented)
	}
}

// entered judges that somebody was let in as a user.
func (o *oracle) entered(as, is, how string) {
	if as == is && is != "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.WrongfulEntries++
	o.example("let in as %q, is %q: %s", as, is, how)
}
