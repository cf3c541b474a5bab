package browser_test

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/session"
)

// pageOptions are what the page tells its script.
type pageOptions struct {
	APIKey       string `json:"apiKey"`
	Upstream     string `json:"upstream"`
	RefreshRoute string `json:"refreshRoute,omitempty"`
	LogoutRoute  string `json:"logoutRoute,omitempty"`
}

var clientTemplate = template.Must(template.New("client").Parse(`<!doctype html>
<title>Client</title>
<link rel="icon" href="data:,">
<script type="application/json" id="options">{{.}}</script>
<form id="send"><input id="email" type="email"><button>Send a code</button></form>
<form id="confirm"><input id="code"><button>Sign in</button></form>
<button id="logout">Log out</button>
<pre id="state"></pre>
<script src="/client.js"></script>
`))

// clientPage is the page with the browser client. Anybody may see it.
func clientPage(options pageOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = clientTemplate.Execute(w, options) // the browser may be gone
	})
}

var renderedTemplate = template.Must(template.New("rendered").Parse(`<!doctype html>
<title>Rendered</title>
<link rel="icon" href="data:,">
<p id="user">{{.UserID}}</p>
`))

// rendered is the page that the server renders for the user alone.
func rendered(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_ = renderedTemplate.Execute(w, s) // the browser may be gone
}

// state is what the page's script knows.
type state struct {
	User string `json:"user"` // "" where the client takes itself for signed out
	// Renewals and Logouts count the client's callbacks since the page was
	// loaded, Secrets the renewals that brought a refresh token along.
	Renewals int    `json:"renewals"`
	Logouts  int    `json:"logouts"`
	Secrets  int    `json:"secrets"`
	Sent     bool   `json:"sent"` // an e-mail code
	Failure  string `json:"failure"`
}

// state returns the state of the page's script.
func (b *tab) state() state {
	b.t.Helper()
	var s state
	b.must(json.Unmarshal([]byte(b.script(`JSON.stringify(globalThis.state ?? {})`)), &s))
	return s
}

// awaitState waits until the page's script is in that state.
func (b *tab) awaitState(what string, want state) {
	b.t.Helper()
	await(b.t, what, want, b.state)
}

// awaitUser waits until the client has renewed the session of that user, and
// looks that it has never logged out since the page was loaded.
func (b *tab) awaitUser(id string) {
	b.t.Helper()
	await(b.t, "the client's user", id, func() string { return b.state().User })
	if got := b.state(); got.Logouts != 0 || got.Failure != "" {
		b.t.Errorf("on the way: %+v", got)
	}
}

// visitor opens the page with the client as nobody, and waits until the client
// knows that.
func (s *site) visitor(b *tab) {
	s.t.Helper()
	logouts := len(s.journal.to("/logout"))
	b.open(s.url)
	b.awaitState("an anonymous page", state{Logouts: 1})
	if !s.withoutRoutes {
		// The client does not wait for the answer of its logout route; a
		// logout that is still on its way must not meet the next sign-in.
		await(s.t, "the client's logout", logouts+1, func() int { return len(s.journal.to("/logout")) })
	}
}

// signIn signs in on an anonymous page, as a person does, by an e-mail code.
func (s *site) signIn(b *tab) {
	s.t.Helper()
	before := b.state()
	b.enter("#email", email)
	b.click("#send button")
	await(s.t, "the e-mail", true, func() bool { return b.state().Sent })
	b.enter("#code", s.fake.Code(email))
	b.click("#confirm button")
	await(s.t, "the sign-in", before.Renewals+1, func() int { return b.state().Renewals })
}

// expectRendered opens the page that the server renders, and compares the user
// on it; "" means that nobody is signed in.
func (s *site) expectRendered(b *tab, user string) {
	s.t.Helper()
	b.open(s.url + "/page")
	if got := b.text("#user"); got != user {
		s.t.Errorf("the rendered page is %q's, want %q's", got, user)
	}
}

// newBlank serves an empty page, and returns its URL.
func newBlank(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>Blank</title><link rel="icon" href="data:,"><body>`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
