package fleetlab_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// oracle knows the refresh tokens that were delivered to the fleet, and checks the
// responses to the browsers of a crowd by the rules of package lab. The faults of a
// crowd contain no JWT of another project, so the oracle excuses no 401 with a live
// token.
type oracle struct {
	fake *crossminttest.Server

	mu       sync.Mutex        // guards all below
	latest   map[string]string // refresh token, by user ID
	owners   map[string]string // user ID, by refresh token
	counts   counts
	failures []string
}

// counts are the numbers of responses.
type counts struct {
	Served, Renewed, Unavailable, LoggedOut int
	// Stranded: 401 with the cookies kept.
	Stranded int
}

func newOracle(fake *crossminttest.Server) *oracle {
	return &oracle{fake: fake, latest: map[string]string{}, owners: map[string]string{}}
}

// signedIn records a new session.
func (o *oracle) signedIn(id, token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latest[id], o.owners[token] = token, id
}

// check checks a response. It reports whether the browser is still signed in.
func (o *oracle) check(id, presented string, got response) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case got.status == http.StatusOK && got.user != id:
		o.addFailureLocked("user %s: accepted as %s", id, got.user)
	case got.status == http.StatusOK && got.cookies == "set":
		o.counts.Renewed++
	case got.status == http.StatusOK:
		o.counts.Served++
	case got.status == http.StatusServiceUnavailable && got.cookies == "":
		o.counts.Unavailable++
	case got.status == http.StatusUnauthorized && got.cookies == "cleared":
		o.counts.LoggedOut++
		if o.fake.Live(o.latest[id]) {
			o.addFailureLocked("user %s: cookies cleared, and the latest token is live", id)
		}
		return false
	case got.status == http.StatusUnauthorized && got.cookies == "":
		o.counts.Stranded++
		if o.fake.Live(presented) {
			o.addFailureLocked("user %s: 401, cookies kept, and the presented token is live", id)
		}
		return false
	default:
		o.addFailureLocked("user %s: unexpected response %+v", id, got)
	}
	return true
}

// addFailureLocked adds the description of a failure.
func (o *oracle) addFailureLocked(format string, args ...any) {
	o.failures = append(o.failures, fmt.Sprintf(format, args...))
}

// results returns the counts and failures so far.
func (o *oracle) results() (counts, []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts, o.failures
}

// delivered records the new token of a refresh response.
func (o *oracle) delivered(presented, newToken string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id, ok := o.owners[presented]; ok {
		o.latest[id], o.owners[newToken] = newToken, id
	}
}

func TestOracleFindsFailures(t *testing.T) {
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true, Algorithm: "EdDSA"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	user := fake.NewUser("ada@example.com")
	token := fake.Grant(user).RefreshToken.Secret.Reveal()
	for _, test := range []struct {
		name string
		got  response
		want int // failures
	}{
		{name: "served", got: response{status: http.StatusOK, user: user.ID}, want: 0},
		{name: "served as another user", got: response{status: http.StatusOK, user: "another"}, want: 1},
		{name: "cookies of a live session cleared", got: response{status: http.StatusUnauthorized, cookies: "cleared"}, want: 1},
		{name: "401 with a live token", got: response{status: http.StatusUnauthorized}, want: 1},
		{name: "an unexpected status", got: response{status: http.StatusTemporaryRedirect}, want: 1},
	} {
		o := newOracle(fake)
		o.signedIn(user.ID, token)
		o.check(user.ID, token, test.got)
		if _, failures := o.results(); len(failures) != test.want {
			t.Errorf("%s: failures %v, want %d", test.name, failures, test.want)
		}
	}
}
