package browser_test

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/session"
)

// pageOptions are the options of the script.
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

var uiTemplate = template.Must(template.New("ui").Parse(`<!doctype html>
<title>React UI</title>
<link rel="icon" href="data:,">
<script type="application/json" id="options">{{.}}</script>
<div id="app"></div>
<script src="/client.js"></script>
`))

// clientPage returns the public page with the client, and more HTML at its end.
func clientPage(c client, options pageOptions, more string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = c.page.Execute(w, options) // the browser may be gone
		_, _ = io.WriteString(w, more)
	})
}

var renderedTemplate = template.Must(template.New("rendered").Parse(`<!doctype html>
<title>Rendered</title>
<link rel="icon" href="data:,">
<p id="user">{{.UserID}}</p>
`))

// rendered writes the protected page, which the server renders.
func rendered(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_ = renderedTemplate.Execute(w, s) // the browser may be gone
}

// state is the state of the script of the page.
type state struct {
	User string `json:"user"` // "" if the client is signed out
	// Renewals and Logouts count the callbacks of the client since the page was
	// loaded, Secrets the renewals with a refresh token.
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

// awaitState waits until the script of the page has that state.
func (b *tab) awaitState(what string, want state) {
	b.t.Helper()
	await(b.t, what, want, b.state)
}

// awaitUser waits until the client has renewed the session of that user. It checks that
// the client has not logged out since the page was loaded.
func (b *tab) awaitUser(id string) {
	b.t.Helper()
	await(b.t, "the client's user", id, func() string { return b.state().User })
	if got := b.state(); got.Logouts != 0 || got.Failure != "" {
		b.t.Errorf("state before the renewal: %+v", got)
	}
}

// openAnonymously opens the page with the client without a session, and waits until the
// client is signed out.
func (s *site) openAnonymously(b *tab) {
	s.t.Helper()
	logouts := len(s.journal.to("/logout"))
	b.open(s.url)
	b.awaitState("an anonymous page", state{Logouts: 1})
	if !s.withoutRoutes {
		// The client does not wait for the response of its logout route. A running
		// logout must not end the next sign-in.
		await(s.t, "the client's logout", logouts+1, func() int { return len(s.journal.to("/logout")) })
	}
}

// signIn signs in on an anonymous page by an e-mail code.
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

// expectRendered opens the rendered page and compares its user. "" means that no user is
// signed in.
func (s *site) expectRendered(b *tab, user string) {
	s.t.Helper()
	b.open(s.url + "/page")
	if got := b.text("#user"); got != user {
		s.t.Errorf("the rendered page is for user %q, want %q", got, user)
	}
}

// newBlank serves an empty page, and returns its URL.
func newBlank(t *testing.T) string {
	t.Helper()
	return serve(t, false, http.HandlerFunc(blank))
}

// blank writes an empty page.
func blank(w http.ResponseWriter, _ *http.Request) {
	writeHTML(w, `<title>Blank</title><link rel="icon" href="data:,"><body>`)
}
