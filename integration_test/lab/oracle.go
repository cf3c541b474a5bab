package lab

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows which sessions are live and checks the decisions of the subject.
type oracle struct {
	fake *crossminttest.Server

	mu       sync.Mutex       // guards all below
	users    map[string]*user // by ID
	owners   map[string]*user // by refresh token
	invalid  map[string]bool  // JWTs of changed responses
	counts   counts
	examples []string
}

// user is a user with one browser, and one session at a time.
type user struct {
	id     string
	latest string // the latest refresh token that was completely delivered
	// loggedOut and clientLoggedOut report that the user or the browser client
	// has sent a logout.
	loggedOut, clientLoggedOut bool
}

// counts are the events of a run.
type counts struct {
	Requests, Served, Rejected, Unavailable, Other int
	SignIns, Logouts, Revocations                  int
	Disconnects, LostResponses                     int

	WrongfulLogouts, WrongUsers int

	// RightfulLogouts: the latest token was not live when the cookies were cleared.
	RightfulLogouts int
	// LostTokens of them: the response with the new token did not arrive.
	LostTokens int
	// LoggedOutByClient: live sessions that the browser client ended.
	LoggedOutByClient int
	// Stranded: 401, cookies kept, and the token of the browser was not live.
	Stranded int
	// RejectedLive: the same with a live token and without a logout.
	RejectedLive int
	// Attacks: requests with forged tokens or tokens of other projects.
	Attacks int
}

func newOracle(fake *crossminttest.Server) *oracle {
	return &oracle{fake: fake, users: map[string]*user{}, owners: map[string]*user{}, invalid: map[string]bool{}}
}

// maxExamples bounds the described faults of a report.
const maxExamples = 10

// count changes the counts.
func (o *oracle) count(change func(*counts)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.counts)
}

// addExampleLocked adds the description of one fault.
func (o *oracle) addExampleLocked(format string, args ...any) {
	if len(o.examples) < maxExamples {
		o.examples = append(o.examples, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// signedIn records a new session, whose token the browser has.
func (o *oracle) signedIn(id, secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.users[id] = &user{id: id, latest: secret}
	o.owners[secret] = o.users[id]
	o.counts.SignIns++
}

// requestLogout records that the user or the browser client logs out.
func (o *oracle) requestLogout(id string, byClient bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u := o.users[id]
	if u == nil {
		return
	}
	if byClient && !u.clientLoggedOut && !u.loggedOut && o.fake.Live(u.latest) {
		o.counts.LoggedOutByClient++
	}
	u.loggedOut, u.clientLoggedOut = u.loggedOut || !byClient, u.clientLoggedOut || byClient
}

// addInvalidJWT records a JWT of a changed response.
func (o *oracle) addInvalidJWT(jwt string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.invalid[jwt] = true
}

// delivered records a response to a token that was read to its end. It belongs to the
// session of the token, because the user may have signed in again. A changed response
// delivers no token, but its token belongs to the session: upstream accepts it.
func (o *oracle) delivered(presented string, body []byte) {
	var response struct {
		JWT     string
		Refresh struct{ Secret string }
		User    struct{ ID string }
	}
	if !utf8.Valid(body) || json.Unmarshal(body, &response) != nil || response.Refresh.Secret == "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	u := o.owners[presented]
	if u == nil {
		return
	}
	o.owners[response.Refresh.Secret] = u
	if u.id == response.User.ID && response.JWT != "" && !o.invalid[response.JWT] {
		u.latest = response.Refresh.Secret
	}
}

// checkRevocation checks a logout that the subject sends to upstream.
func (o *oracle) checkRevocation(secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Revocations++
	u := o.owners[secret]
	if u != nil && !u.loggedOut && !u.clientLoggedOut && o.fake.Live(u.latest) {
		o.counts.WrongfulLogouts++
		o.addExampleLocked("user %s: revoked at upstream", u.id)
	}
}

// checkCleared checks a response that clears the cookies.
func (o *oracle) checkCleared(id, presented string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u := o.users[id]
	switch {
	case u == nil || u.loggedOut || u.clientLoggedOut:
	case o.fake.Live(u.latest):
		o.counts.WrongfulLogouts++
		o.addExampleLocked("user %s: cookies cleared; presented %.6s…, latest %.6s… is live", id, presented, u.latest)
	default:
		o.counts.RightfulLogouts++
		if o.fake.LiveOf(id) > 0 {
			o.counts.LostTokens++
		}
	}
}

// checkKept checks a 401 that keeps the cookies. It is wrong if the token of the
// browser is live.
func (o *oracle) checkKept(id, presented string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u := o.users[id]
	switch {
	case !o.fake.Live(presented):
		o.counts.Stranded++
	case u != nil && !u.loggedOut && !u.clientLoggedOut:
		o.counts.RejectedLive++
		o.addExampleLocked("user %s: 401, cookies kept; presented %.6s…, which is live", id, presented)
	}
}

// checkUser checks the user of an accepted request. An empty want means that the
// request must be rejected.
func (o *oracle) checkUser(got, want, request string) {
	if got == want && want != "" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.WrongUsers++
	o.addExampleLocked("%s: accepted as user %q, want %q", request, got, want)
}
