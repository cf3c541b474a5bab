package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows the true state of the sessions, and judges. The fields of counts
// define its crimes.
type oracle struct {
	instances bool // see Config.Instances

	mu       sync.Mutex // guards all below
	sequence uint64     // orders what happens in one instant
	families []*family
	owners   map[string]*family               // by refresh token
	homes    map[string]*crossminttest.Server // by user ID
	false    map[string]bool                  // JWTs of falsified responses; true: of another project
	events   map[string]int
	needless map[string]int // sign-ins, by the place of the newest token
	counts   counts
	examples []string
	told     map[string]int // crimes, by the format of their example
}

// A family is one sign-in: a refresh token with its successors at upstream.
type family struct {
	fake    *crossminttest.Server
	user    string
	newest  string          // the newest refresh token that was delivered in full
	newAt   time.Time       // when it came
	tokens  []string        // in their order
	carried map[string]mark // when the first response with a token was written
	since   uint64          // sequence of the response that signed in; 0: none has

	leaving   int    // logouts and sign-ins in progress that end it
	loggedOut uint64 // sequence of the first response to a logout, or 0
	replaced  uint64 // the same for a sign-in in the same browser
	byClient  bool   // the browser client has logged it out
	revoked   bool   // at upstream, by an administrator

	unrevoked bool      // upstream has not received a logout in full, or cannot get one
	reused    bool      // the subject has sent a used token although it had a live successor
	lost      bool      // counted already
	byBackend bool      // a backend has exchanged one of its tokens
	cutAt     time.Time // of the first response with a successor that was cut on its way
	foreignAt time.Time // of the last response with another project's JWT
	foreignOf string    // the token that was exchanged for it
	healed    bool      // a response has carried a later token since

	refusedAt map[string]time.Time // when the browser got the marker of a refused token
	cleared   bool                 // a response has deleted its cookies
}

// mark is a moment.
type mark struct {
	sequence uint64
	time     time.Time
}

// isOver reports whether a logout or a sign-in is ending f, or has ended it.
func (f *family) isOver() bool {
	return f.leaving > 0 || f.byClient || f.hasEnded()
}

// hasEnded reports whether a logout or a sign-in has ended f.
func (f *family) hasEnded() bool { return f.loggedOut != 0 || f.replaced != 0 }

func (f *family) isLive(token string) bool { return f.fake.Live(token) }

const (
	// grace is the documented time for which a subject has to serve an old
	// token after the delivery of its successor.
	grace = 10 * time.Second
	// undeliveredTTL is the time for which a subject has to keep a successor
	// that reached no browser.
	undeliveredTTL = time.Hour
	// foreignTTL is the time for which a token counts as rejected after
	// upstream has exchanged it for another project's session.
	foreignTTL = 31 * time.Second
)

// counts is what happened.
type counts struct {
	Requests, Served, Refused, Undecided, Other int
	SignIns, Logouts, Revocations               int
	Disconnects, LostResponses                  int

	// WrongfulLogouts: the subject deleted the cookies or had upstream revoke
	// the session, without a logout or a sign-in, although upstream would have
	// accepted the newest refresh token that was delivered in full to the
	// subject or the browser.
	WrongfulLogouts int
	// WrongfulEntries: the subject accepted a request as a user, although none
	// of the request's refresh tokens belongs to that user.
	WrongfulEntries int
	// MixedUp: a browser holds another user's session than the one of its
	// last sign-in. After the response to a sign-in was written, the subject
	// wrote a response with cookies of the replaced session, accepted a
	// request with them as another user, or had not deleted them.
	MixedUp int
	// Revived: a session lives after its user logged out. After the response
	// to the logout was written, the subject wrote a response with cookies of
	// that session, accepted a request with them, had not deleted them; or
	// upstream still accepts its newest token at the end of the run, although
	// every logout that upstream was sent has reached it. The last holds for
	// a replaced session, too.
	Revived int
	// LostOnTheWay: a session ends though upstream gave a successor that was
	// delivered in full to the subject, and no response that carried it was
	// cut after its header had left.
	LostOnTheWay int
	// Cacheable: a page with session cookies had no Cache-Control: no-store or
	// no Vary: Cookie.
	Cacheable int
	// Leaked: a refresh token was sent to the upstream of another project.
	Leaked int
	// RedirectLoops: a browser was redirected until it gave up.
	RedirectLoops int

	// RightfulLogouts: the newest token was dead when the cookies were cleared.
	RightfulLogouts int
	// LostOnTheWire: sessions whose successor never reached the subject.
	LostOnTheWire int
	// LostByCut: sessions whose successor had left in a response that the
	// client or the network cut, or that was overwritten by a response that had
	// been written before it, where upstream accepts a token once and the grace
	// period was over. No implementation can save them.
	LostByCut int
	// LostByBackend: crimes against sessions that a backend behind a reverse
	// proxy had refreshed, in the early window of the JWT: it and the front are
	// two instances that share cookies without a store. BackendRefreshes is how many sessions
	// the backend has refreshed.
	LostByBackend, BackendRefreshes int
	// LostByAbsence: sessions whose successor reached no browser within the
	// hour for which a subject has to keep it.
	LostByAbsence int
	// Crossed: responses that were written before a sign-in, a logout or a
	// later renewal, and arrived after it. No implementation can call them back. Their cookies
	// open nothing, which MixedUp and Revived check.
	Crossed int
	// LostByClient: sessions that the browser client ended although they lived.
	LostByClient int
	// Stranded: 401 with cookies kept, where the browser's own token was dead.
	Stranded int
	// KeptTooLong: the same an hour after the browser got the marker of that token
	// and later, where no response has deleted the cookies.
	KeptTooLong int
	// TurnedAway: as Stranded, where it lived, without a logout or a sign-in.
	TurnedAway int
	// ForeignRefused of them are no crime: upstream had sent another project's
	// JWT a moment ago. ForeignHealed is how many of these sessions were
	// served again.
	ForeignRefused, ForeignHealed int
	// NeedlessSignIns: sign-ins after a 401 of users whose session has not ended:
	// upstream would still accept its newest token. Needless tells where that
	// token was.
	NeedlessSignIns int
	// Attacks: requests with forged or foreign tokens.
	Attacks int
}

func newOracle(instances bool) *oracle {
	return &oracle{
		instances: instances,
		owners:    map[string]*family{}, homes: map[string]*crossminttest.Server{}, false: map[string]bool{}, events: map[string]int{},
		needless: map[string]int{}, told: map[string]int{},
	}
}

// maxExamples bounds the crimes of each kind that a report tells in words.
const maxExamples = 5

// count changes the counts.
func (o *oracle) count(change func(*counts)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.counts)
}

// event counts something that a run has to contain.
func (o *oracle) event(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events[name]++
}

func (o *oracle) exampleLocked(format string, args ...any) {
	if o.told[format]++; o.told[format] <= maxExamples {
		o.examples = append(o.examples, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (o *oracle) nextLocked() uint64 {
	o.sequence++
	return o.sequence
}

// signedIn notes a new session whose token b already has.
func (o *oracle) signedIn(b *browser, user, secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.homes[user] = b.home.fake
	f := o.newFamilyLocked(user, secret)
	f.since = o.nextLocked()
	b.latest = f
	o.counts.SignIns++
}

// signsInAfterRejection notes that a user decides to sign in because of a 401.
func (o *oracle) signsInAfterRejection(b *browser) {
	held := o.tokensOf(b.cookies())
	o.mu.Lock()
	defer o.mu.Unlock()
	f := b.latest
	if f == nil || f.isOver() || f.revoked || !f.isLive(f.newest) {
		return
	}
	o.counts.NeedlessSignIns++
	_, carried := f.carried[f.newest]
	where := "in the memory of the subject"
	switch {
	case slices.ContainsFunc(held, func(p presented) bool { return p.token == f.newest }):
		where = "in the browser"
	case carried && !f.cutAt.IsZero():
		where = "in a response that was cut"
	case carried:
		where = "in a response that did not arrive"
	}
	o.needless[where]++
}

// knows tells the oracle where a user lives, before a sign-in.
func (o *oracle) knows(fake *crossminttest.Server, user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.homes[user] = fake
}

func (o *oracle) newFamilyLocked(user, secret string) *family {
	f := &family{fake: o.homes[user], user: user, newest: secret, tokens: []string{secret}, carried: map[string]mark{}, refusedAt: map[string]time.Time{}}
	o.families = append(o.families, f)
	o.owners[secret] = f
	return f
}

// revokes notes that an administrator ends all sessions of a user.
func (o *oracle) revokes(user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.families {
		f.revoked = f.revoked || f.user == user
	}
}

// falsified notes a JWT of a response that is not upstream's own.
func (o *oracle) falsified(jwt string, foreign bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.false[jwt] = foreign
}

// exchanged notes a response to a presented token that was read to its end. The
// family is the one that the token belongs to: its user may have signed in
// anew meanwhile. A token without a family is the secret of a sign-in. The
// refresh token of a falsified response counts as delivered: the subject can
// exchange it on.
func (o *oracle) exchanged(presented string, body []byte) {
	var response struct {
		JWT     string
		Refresh struct{ Secret string }
		User    struct{ ID string }
	}
	if json.Unmarshal(body, &response) != nil || response.Refresh.Secret == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	foreign, isFalse := o.false[response.JWT]
	isFalse = isFalse || response.JWT == "" || !utf8.Valid(body)
	f := o.owners[presented]
	switch {
	case f == nil && (isFalse || o.homes[response.User.ID] == nil):
		return
	case f == nil:
		f = o.newFamilyLocked(response.User.ID, response.Refresh.Secret)
	}
	if foreign {
		f.foreignAt, f.foreignOf, f.healed = time.Now(), presented, false
	}
	if o.owners[response.Refresh.Secret] == nil {
		o.owners[response.Refresh.Secret] = f
		f.tokens = append(f.tokens, response.Refresh.Secret)
	}
	if utf8.Valid(body) && f.newest != response.Refresh.Secret {
		f.newest, f.newAt = response.Refresh.Secret, time.Now()
	}
}

// exchanging notes a token that the subject sends upstream for a refresh.
func (o *oracle) exchanging(fake *crossminttest.Server, token string, byBackend bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.owners[token]
	if f != nil && byBackend && !f.byBackend {
		f.byBackend = true
		o.counts.BackendRefreshes++
	}
	switch {
	case f == nil:
	case f.fake != fake:
		o.counts.Leaked++
		o.exampleLocked("user %s: token sent to another project", f.user)
	case token != f.newest && !f.isLive(token) && f.isLive(f.newest):
		f.reused = true
	}
}

// revoking judges a logout that the subject sends upstream.
func (o *oracle) revoking(fake *crossminttest.Server, secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Revocations++
	f := o.owners[secret]
	switch {
	case f == nil:
	case f.fake != fake:
		o.counts.Leaked++
		o.exampleLocked("user %s: token sent to another project", f.user)
	case !f.isOver() && f.isLive(f.newest):
		o.counts.WrongfulLogouts++
		o.exampleLocked("user %s: revoked upstream", f.user)
	}
}

// notRevoked notes that upstream has not received a logout.
func (o *oracle) notRevoked(secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f := o.owners[secret]; f != nil {
		f.unrevoked = true
	}
}

// An intent tells what a request is for, as far as the oracle has to know.
type intent int

const (
	visit intent = iota
	logout
	clientLogout // by the browser client
	signIn
)

// exchange is one request with its response, in the eyes of the oracle.
type exchange struct {
	browser *browser // nil for an attack
	conn    *conn
	intent  intent
	page    bool // the response depends on the cookies
	foreign bool // sent to another project than the one of the browser
	plan    plan

	presented []presented
	written   uint64 // sequence
}

// presented is a session that a request brought.
type presented struct {
	*family
	token string
	ended bool // before the request arrived
	// cutBefore is the family's cutAt when the request was sent. A later response
	// may reach the browser while the request is on its way.
	cutBefore time.Time
}

// isLostByCut reports whether the grace period had begun with a response that was
// cut, and is over.
func (p *presented) isLostByCut() bool {
	cutAt := p.cutAt
	if cutAt.IsZero() {
		cutAt = p.cutBefore
	}
	return !cutAt.IsZero() && time.Since(cutAt) >= grace
}

// isForgotten reports whether the browser comes back so late that no subject has to
// know the successor of its token any more.
func (p *presented) isForgotten() bool {
	return p.token != p.newest && time.Since(p.newAt) >= undeliveredTTL
}

// hasUnknownSuccessor reports whether no subject has to know the successor of p's
// token any more, so that a logout with it cannot reach that one.
func (p *presented) hasUnknownSuccessor() bool {
	return p.isForgotten() || p.token != p.newest && p.isLostByCut()
}

// tokensOf returns the families of all refresh tokens among some cookies.
func (o *oracle) tokensOf(cookies []*http.Cookie) (found []presented) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range cookies {
		if f := o.owners[c.Value]; f != nil {
			found = append(found, presented{family: f, token: c.Value, cutBefore: f.cutAt})
		}
	}
	return found
}

// arrived notes that a request has reached the subject.
func (o *oracle) arrived(x *exchange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Requests++
	for i := range x.presented {
		p := &x.presented[i]
		p.ended = p.hasEnded()
		switch {
		case x.foreign:
		case x.intent == clientLogout:
			if !p.isOver() && p.isLive(p.newest) {
				o.counts.LostByClient++
			}
			p.byClient = true
			p.leaving++
		case x.intent != visit:
			p.leaving++
		}
	}
}

// left notes that the subject is done with a request. A sign-in may have failed.
func (o *oracle) left(x *exchange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range x.presented {
		if x.intent == signIn && !x.foreign {
			p.leaving--
		}
	}
}

// leftOver judges that a request was accepted with cookies that were logged out.
func (o *oracle) leftOver(x *exchange, user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.WrongfulEntries++
	o.exampleLocked("%s: accepted as %q after a logout", x, user)
}

// entered judges that a request was accepted as a user.
func (o *oracle) entered(x *exchange, user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(x.presented, func(p presented) bool { return p.user == user && !p.ended })
	if i < 0 {
		i = slices.IndexFunc(x.presented, func(p presented) bool { return p.user == user })
	}
	switch {
	case i < 0 || x.foreign:
		o.counts.WrongfulEntries++
		o.exampleLocked("%s: accepted as %q", x, user)
		return
	case x.presented[i].ended && x.presented[i].byBackend:
		o.counts.LostByBackend++
	case x.presented[i].ended && x.presented[i].loggedOut != 0:
		o.counts.Revived++
		o.exampleLocked("%s: accepted as %q after a logout", x, user)
	case x.presented[i].ended && x.browser.latest.user != user:
		o.counts.MixedUp++
		o.exampleLocked("%s: accepted as %q after a sign-in of %q", x, user, x.browser.latest.user)
	}
}

// wrote judges a response whose header was written.
func (o *oracle) wrote(x *exchange) {
	status, header, _ := x.conn.response()
	cookies := x.conn.cookies()
	carried := o.tokensOf(cookies)
	o.mu.Lock()
	defer o.mu.Unlock()
	x.written = o.nextLocked()
	switch status {
	case http.StatusOK, http.StatusNoContent, http.StatusSeeOther, http.StatusSwitchingProtocols:
		o.counts.Served++
	case http.StatusUnauthorized:
		o.counts.Refused++
	case http.StatusServiceUnavailable:
		o.counts.Undecided++
	default:
		o.counts.Other++
	}
	for _, c := range carried {
		o.carriedLocked(x, c)
	}
	if len(carried) > 0 && x.page && !isPrivate(header) {
		o.counts.Cacheable++
		o.exampleLocked("%s: cookies with Cache-Control %q and Vary %q", x, header["Cache-Control"], header["Vary"])
	}
	switch {
	case x.intent == logout || x.intent == clientLogout:
		if status == http.StatusNoContent && !x.foreign {
			for _, p := range x.presented {
				p.loggedOut = max(p.loggedOut, x.written)
				p.unrevoked = p.unrevoked || p.hasUnknownSuccessor()
			}
		}
	case x.intent == signIn && len(carried) > 0:
		o.replacedLocked(x, carried[0].family)
	case clears(cookies):
		o.clearedLocked(x)
	case status == http.StatusUnauthorized:
		o.keptLocked(x)
	}
}

// carriedLocked judges that a response has cookies of a session.
func (o *oracle) carriedLocked(x *exchange, c presented) {
	f := c.family
	if _, known := f.carried[c.token]; !known {
		f.carried[c.token] = mark{x.written, time.Now()}
	}
	if !f.foreignAt.IsZero() && !f.healed && slices.Index(f.tokens, c.token) > slices.Index(f.tokens, f.foreignOf) {
		f.healed = true
		o.counts.ForeignHealed++
	}
	sameSession := func(p presented) bool { return p.family == f }
	switch {
	case f.byBackend && f.hasEnded():
		o.counts.LostByBackend++
	case f.loggedOut != 0:
		o.counts.Revived++
		o.exampleLocked("%s: response with cookies of %s after the logout", x, f.user)
	case f.replaced != 0:
		o.counts.MixedUp++
		o.exampleLocked("%s: response with cookies of %s after another sign-in", x, f.user)
	case x.intent != signIn && !slices.ContainsFunc(x.presented, sameSession):
		o.counts.MixedUp++
		o.exampleLocked("%s: response with cookies of %s, which it did not bring", x, f.user)
	}
}

// replacedLocked notes a sign-in whose response was written.
func (o *oracle) replacedLocked(x *exchange, f *family) {
	f.since = x.written
	x.browser.latest = f
	o.counts.SignIns++
	for _, p := range x.presented {
		if p.family != f && p.replaced == 0 {
			p.replaced = x.written
			p.unrevoked = p.unrevoked || p.hasUnknownSuccessor()
		}
	}
}

// clearedLocked judges a response that deletes the cookies.
func (o *oracle) clearedLocked(x *exchange) {
	for _, p := range x.presented {
		p.cleared = true
		switch {
		case p.isOver():
		case p.isLive(p.newest) && (p.byBackend || p.isForgotten()):
			o.endLocked(x, p)
		case p.isLive(p.newest):
			o.counts.WrongfulLogouts++
			o.exampleLocked("%s: cookies cleared; presented %.6s…, newest %.6s… is live", x, p.token, p.newest)
			o.endLocked(x, p)
		default:
			o.counts.RightfulLogouts++
			o.endLocked(x, p)
		}
	}
}

// keptLocked judges a 401 that leaves the cookies: of no use to a browser whose
// own token is dead, and wrong for one whose token lives.
func (o *oracle) keptLocked(x *exchange) {
	for _, p := range x.presented {
		foreign := time.Since(p.foreignAt) < foreignTTL && (!p.healed || o.instances || p.byBackend)
		live := p.isLive(p.token)
		if first, found := p.refusedAt[p.token]; found && !live && !p.cleared && !x.foreign && time.Since(first) >= undeliveredTTL {
			o.counts.KeptTooLong++
			o.exampleLocked("%s: 401, cookies kept; presented %.6s…, refused %v ago", x, p.token, time.Since(first))
		}
		switch {
		case x.foreign:
		case !live && (p.isOver() || p.revoked):
			o.counts.Stranded++
		case foreign && !p.isOver():
			o.counts.ForeignRefused++
		case !live:
			o.counts.Stranded++
			o.endLocked(x, p)
		case !p.isOver():
			o.counts.TurnedAway++
			o.exampleLocked("%s: 401, cookies kept; presented %.6s…, which is live", x, p.token)
		}
	}
}

// endLocked finds out why a session has ended, unless an administrator ended it.
func (o *oracle) endLocked(x *exchange, p presented) {
	if p.lost || p.revoked || p.isLive(p.token) {
		return
	}
	p.lost = true
	replacedOnTheWire := p.token == p.newest || !p.isLive(p.newest) && !p.reused
	switch {
	case replacedOnTheWire:
		o.counts.LostOnTheWire++
	case p.isLostByCut():
		o.counts.LostByCut++
	case p.byBackend:
		o.counts.LostByBackend++
	case p.isForgotten():
		o.counts.LostByAbsence++
	default:
		o.counts.LostOnTheWay++
		o.exampleLocked("%s: lost; presented %.6s…, newest %.6s…, live: %t, cut %v ago", x, p.token, p.newest, p.isLive(p.newest), time.Since(p.cutAt))
	}
}

// cut notes that the cookies of a response did not reach the browser, although
// its header had left.
func (o *oracle) cut(x *exchange, sentAt time.Time) {
	carried := o.tokensOf(x.conn.cookies())
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range carried {
		if c.cutAt.IsZero() {
			c.cutAt = sentAt
		}
	}
}

// stored judges what a browser holds after it has stored the cookies of a
// response. Before is what it held.
func (o *oracle) stored(x *exchange, before, after []presented) {
	o.mu.Lock()
	defer o.mu.Unlock()
	isMarker := func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, markerSuffix) && c.MaxAge >= 0 }
	if slices.ContainsFunc(x.conn.cookies(), isMarker) {
		for _, p := range x.presented {
			if _, found := p.refusedAt[p.token]; !found {
				p.refusedAt[p.token] = time.Now()
			}
		}
	}
	holds := func(all []presented, token string) bool {
		return slices.ContainsFunc(all, func(p presented) bool { return p.token == token })
	}
	for _, p := range after {
		arrivedNow := !holds(before, p.token)
		if p.token == p.newest {
			p.cutAt = time.Time{}
		}
		switch {
		case arrivedNow && p.hasEnded():
			o.counts.Crossed++
		case arrivedNow:
			o.overtakenLocked(x, p, before)
		case x.intent == signIn && p.replaced == x.written:
			o.counts.MixedUp++
			o.exampleLocked("%s: the cookies of %s are still there after another sign-in", x, p.user)
		case p.loggedOut != 0 && p.loggedOut == x.written:
			o.counts.Revived++
			o.exampleLocked("%s: the cookies of %s are still there after the logout", x, p.user)
		}
	}
	// A late response to requests of the former user must not delete the
	// cookies of the present one.
	for _, p := range before {
		if x.intent != visit || len(after) > 0 || p.isOver() || !p.isLive(p.newest) || slices.ContainsFunc(x.presented, func(q presented) bool { return q.family == p.family }) {
			continue
		}
		if x.written < p.since {
			o.counts.Crossed++
			continue
		}
		if slices.ContainsFunc(x.presented, func(q presented) bool { return q.byBackend }) {
			o.counts.LostByBackend++
			continue
		}
		o.counts.WrongfulLogouts++
		o.exampleLocked("%s: deleted the cookies of %s, which it did not bring", x, p.user)
	}
}

// overtakenLocked notes a response that has overwritten later cookies of the same
// session, although it was written before the response that brought those.
func (o *oracle) overtakenLocked(x *exchange, p presented, before []presented) {
	for _, q := range before {
		later := q.family == p.family && slices.Index(q.tokens, q.token) > slices.Index(p.tokens, p.token)
		if at, known := q.carried[q.token]; later && known && x.written < at.sequence {
			o.counts.Crossed++
			p.cutAt = at.time
		}
	}
}

// audit judges what lives at upstream at the end of a run.
func (o *oracle) audit() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.families {
		if f.hasEnded() && !f.unrevoked && !f.byBackend && f.cutAt.IsZero() && f.isLive(f.newest) {
			o.counts.Revived++
			o.exampleLocked("user %s: lives on at upstream (logged out: %t, replaced: %t, %.6s…)", f.user, f.loggedOut != 0, f.replaced != 0, f.newest)
		}
	}
}

// isPrivate reports whether no cache may store a response and give it to others.
func isPrivate(h http.Header) bool {
	has := func(name, want string) bool {
		return strings.Contains(strings.ToLower(strings.Join(h[name], ",")), want)
	}
	return has("Cache-Control", "no-store") && has("Vary", "cookie")
}

// markerSuffix ends the name of the cookie that notes a refusal.
const markerSuffix = "-refused"

// clears reports whether a response deletes a refresh cookie and sets no other.
func clears(cookies []*http.Cookie) bool {
	deleted := false
	for _, c := range cookies {
		if strings.HasPrefix(c.Name, refreshCookie) && !strings.HasSuffix(c.Name, markerSuffix) {
			if c.MaxAge >= 0 && c.Value != "" {
				return false
			}
			deleted = true
		}
	}
	return deleted
}

// String tells what the request was.
func (x *exchange) String() string {
	if x.browser == nil {
		return "attack"
	}
	return fmt.Sprintf("%s %s %s (%v)", x.browser.email, [...]string{"visit", "logout", "client logout", "sign-in"}[x.intent], x.plan.kind, x.plan.delay)
}
