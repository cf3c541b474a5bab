package witness_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// side is one of the two compared implementations.
type side interface {
	// open returns the base URL of a site with that setup, and the headers that
	// every request to it needs.
	open(t *testing.T, s setup) (baseURL string, header http.Header)
	// processState waits until the process of the site has no work left or has
	// ended, and returns its state.
	processState(t *testing.T, client *http.Client) string
}

// scenario is a script of requests with its setup.
type scenario struct {
	name  string
	setup setup
	node  bool // the SDK gets the types of Node instead of those of Fetch
	heads bool // headers of the response are compared, too
	play  func(s *stage)
}

// stage runs a scenario on one side.
type stage struct {
	*upstream
	t       *testing.T
	client  *http.Client
	baseURL string
	header  http.Header
	last    *reply // the last response; nil: none arrived
}

// perform runs a scenario on one side. It observes the last response, all calls of
// upstream and the state of the process.
func (sc *scenario) perform(t *testing.T, on side) observation {
	t.Helper()
	up := newUpstream(t)
	set := sc.setup
	set.url = up.recorder.URL
	if set.apiKey == "" {
		set.apiKey = strings.TrimSpace(vendorKey)
	}
	if set.refreshRoute != "" {
		set.refreshRoute = set.url + set.refreshRoute
	}
	up.names.addTime("$configured", set.cookies.expiresAt)
	s := &stage{upstream: up, t: t, client: newVisitor()}
	s.baseURL, s.header = on.open(t, set)
	if sc.node {
		s.baseURL += "/node"
	}
	sc.play(s)
	o := observation{"process": on.processState(t, s.client)}
	o.addResponse(s.last, up.names)
	keys, others := up.recorded()
	o.addCalls(keys, others, set.outage, up.names)
	if sc.heads {
		o.addHeaders(s.last, others)
	}
	return o
}

// newVisitor returns a client without connection reuse, cookies and redirects.
func newVisitor() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       childTimeout,
	}
}

// visit is one request to the site.
type visit struct {
	method, path, cookie string
	contentType, body    string
	header               map[string]string
}

// send sends a request and stores its response in s.last.
func (s *stage) send(v visit) {
	s.t.Helper()
	r, err := http.NewRequest(v.method, s.baseURL+v.path, strings.NewReader(v.body))
	fatal(s.t, err)
	for name, values := range s.header {
		r.Header[name] = values
	}
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	if v.contentType != "" {
		r.Header.Set("Content-Type", v.contentType)
	}
	for name, value := range v.header {
		r.Header.Set(name, value)
	}
	s.last = s.exchange(r)
}

func (s *stage) exchange(r *http.Request) *reply {
	s.t.Helper()
	res, err := s.client.Do(r)
	if err != nil {
		if timeout := interface{ Timeout() bool }(nil); errors.As(err, &timeout) && timeout.Timeout() {
			s.t.Fatal(err)
		}
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusTeapot {
		s.t.Fatal("the request of the scenario is invalid")
	}
	body, err := io.ReadAll(res.Body)
	return &reply{res.StatusCode, res.Header, body, err != nil}
}

// page requests the page that calls getSession.
func (s *stage) page(cookie string) {
	s.t.Helper()
	s.send(visit{method: http.MethodGet, path: "/session", cookie: cookie})
}

// post sends JSON.
func (s *stage) post(path, cookie string, body any) {
	s.t.Helper()
	text, err := json.Marshal(body)
	fatal(s.t, err)
	s.send(visit{method: http.MethodPost, path: path, cookie: cookie, contentType: "application/json", body: string(text)})
}

// fields is a JSON object.
type fields = map[string]any

// pair is the tokens of a session in a browser.
type pair struct{ jwt, refresh string }

// String returns the pair as a Cookie header with the names of the SDK.
func (p pair) String() string {
	return "crossmint-jwt=" + p.jwt + "; crossmint-refresh-token=" + p.refresh
}

// signIn returns a live pair with the names $jwt and $refresh.
func (s *stage) signIn() pair { return s.named(s.Grant(s.user)) }

// expired is signIn with a JWT that has expired.
func (s *stage) expired() pair { return s.named(s.ExpiredGrant(s.user)) }

// with is signIn with another JWT.
func (s *stage) with(jwt string) pair {
	p := s.signIn()
	s.names.add("$other-jwt", jwt)
	return pair{jwt, p.refresh}
}

// refused returns a pair that upstream has revoked, with an expired JWT.
func (s *stage) refused() pair {
	p := s.expired()
	s.Revoke(p.refresh)
	return p
}

// firstRefusal is the time of the first refusal in scenarios of a second one.
func firstRefusal() time.Time { return time.Now().Add(-2 * time.Hour) }

// refusedAgain returns refused as a Cookie header, with this module's marker of the
// first refusal. The SDK ignores it.
func (s *stage) refusedAgain() string {
	s.t.Helper()
	p := s.refused()
	r, err := http.NewRequest(http.MethodGet, s.baseURL, nil)
	fatal(s.t, err)
	testkit.AddMarker(r, p.refresh, firstRefusal())
	return p.String() + "; " + r.Header.Get("Cookie")
}

func (s *stage) named(g session.Grant) pair {
	p := pair{g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()}
	s.names.add("$jwt", p.jwt)
	s.names.add("$refresh", p.refresh)
	return p
}

// ending returns a JWT that expires soon, so that the kit renews it early.
func (s *stage) ending() string {
	const left, all = 25 * time.Second, time.Hour
	end := time.Now().Add(left)
	return s.Sign(s.user, nil, map[string]any{"iat": end.Add(-all).Unix(), "exp": end.Unix()})
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
