package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// clientState returns the state of the script of the page with the client.
func clientState(t *testing.T, p page) (got state) {
	t.Helper()
	fatal(t, json.Unmarshal([]byte(p.script(`JSON.stringify(globalThis.state ?? {})`)), &got))
	return got
}

// signInByClient signs in with the form of the loaded page.
func (s *site) signInByClient(t *testing.T, p page) {
	t.Helper()
	enter(t, p, "#email", email)
	click(t, p, "#send button")
	await(t, "the e-mail", true, func() bool { return clientState(t, p).Sent })
	enter(t, p, "#code", s.fake.Code(email))
	click(t, p, "#confirm button")
	await(t, "the sign-in", s.user(), func() string { return clientState(t, p).User })
}

// awaitUserOf waits until the client has renewed the session of the site's user.
func (s *site) awaitUserOf(t *testing.T, p page) {
	t.Helper()
	await(t, "the client's user", s.user(), func() string { return clientState(t, p).User })
	if got := clientState(t, p); got.Logouts != 0 || got.Failure != "" {
		t.Errorf("state before the renewal: %+v", got)
	}
}

// renderedUser returns the user of the rendered page, "" if none is signed in.
func renderedUser(p page) string { return p.run(`document.querySelector("#user")?.textContent ?? ""`) }

// expectUser opens the rendered page and compares its user.
func (s *site) expectUser(t *testing.T, p page, want string) {
	t.Helper()
	p.open(s.url + "/page")
	if got := renderedUser(p); got != want {
		t.Errorf("the rendered page is for user %q, want %q", got, want)
	}
}

// TestForms signs in by the two forms, loads the page with an expired JWT, and logs out by
// a form. The pages have no scripts.
func TestForms(t *testing.T) {
	for name, o := range map[string]formOptions{"https": {}, "http on this machine": {plainHTTP: true}} {
		t.Run(name, func(t *testing.T) {
			eachBrowser(t, func(t *testing.T, p page) { newFormSite(t, o).signInAndOut(t, p) })
		})
	}
}

func (s *formSite) signInAndOut(t *testing.T, p page) {
	t.Helper()
	user := s.enterCode(t, p)
	p.run(`document.querySelector("#confirm").click(), ""`)
	await(t, "the page after the sign-in", "/ "+user+"Sign out", func() string { return shown(p) })
	expectNames(t, p, pair...)

	p.open(s.url + "/expire")
	p.open(s.url)
	if got := shown(p); got != "/ "+user+"Sign out" {
		t.Errorf("page with an expired JWT: %q", got)
	}
	if n := s.Fake.Calls().Refresh; n != 2 {
		t.Errorf("%d refreshes, want 2: sign-in and expired JWT", n)
	}

	p.run(`document.querySelector("#logout").click(), ""`)
	await(t, "the forms after the logout", true, func() bool { return strings.HasPrefix(shown(p), "/signin ") })
	expectNames(t, p)
	if live := s.Fake.LiveOf(user); live != 0 {
		t.Errorf("%d live tokens after the logout", live)
	}
}

// TestClientInEachBrowser signs in with the vendor's client, reloads, and logs out.
func TestClientInEachBrowser(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		s := newSite(t, options{tls: true})
		p.open(s.url)
		await(t, "an anonymous page", state{Logouts: 1}, func() state { return clientState(t, p) })
		await(t, "the client's logout", 1, func() int { return len(s.journal.to("/logout")) })

		s.signInByClient(t, p)
		expectNames(t, p, pair...)
		p.open(s.url)
		s.awaitUserOf(t, p)
		s.expectUser(t, p, s.user())

		p.open(s.url)
		s.awaitUserOf(t, p)
		click(t, p, "#logout")
		await(t, "the logout", 2, func() int { return len(s.journal.to("/logout")) })
		if diff := cmp.Diff(visit{"POST", "/logout", "same-origin", pair, 204, pair}, s.journal.last("/logout")); diff != "" {
			t.Errorf("logout (-want +got):\n%s", diff)
		}
		expectNames(t, p)
		s.expectUser(t, p, "")
	})
}

// TestTwoTabs opens the page with the client in two tabs, with an expired JWT, while
// upstream holds its response. Upstream ends a session whose used token comes again.
// Then one tab logs out.
func TestTwoTabs(t *testing.T) {
	eachBrowser(t, func(t *testing.T, first page) {
		s := newSite(t, options{tls: true, fake: crossminttest.Config{Reuse: crossminttest.ReuseRevokesFamily}})
		second := first.second()
		s.arrive(first, crossminttest.Cookies(s.expired())...)
		release := s.holdRefreshes()
		first.open(s.url)
		second.open(s.url)
		await(t, "both refreshes", 2, func() int { return s.journal.arrivals("/refresh") })
		release()
		s.awaitUserOf(t, first)
		s.awaitUserOf(t, second)
		if n := s.refreshes(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
		s.expectUser(t, second, s.user())

		click(t, first, "#logout")
		await(t, "the logout", 1, func() int { return len(s.journal.to("/logout")) })
		expectNames(t, first)
		s.expectUser(t, second, "")
	})
}

// TestOutageInEachBrowser loads pages while upstream is down. A page that cannot be shown
// loads again by itself until upstream is back.
func TestOutageInEachBrowser(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		s := newSite(t, options{tls: true, sessions: session.Config{RefreshBudget: shortBudget, RefreshTimeout: time.Second, StaleFor: time.Hour}})
		s.arrive(p, crossminttest.Cookies(s.fake.Grant(s.fake.NewUser(email)))...)
		s.fake.Down()
		s.expectUser(t, p, s.user())

		s.arrive(p, crossminttest.Cookies(s.expired())...)
		p.open(s.url)
		s.awaitUserOf(t, p)
		s.expectUser(t, p, "")
		if status := s.journal.last("/page").Status; status != http.StatusServiceUnavailable {
			t.Errorf("the rendered page: %d, want 503", status)
		}
		fatal(t, s.fake.Up())
		await(t, "the page, loaded again", s.user(), func() string { return renderedUser(p) })
		expectNames(t, p, pair...)
	})
}

// stream writes the user to an EventSource, until the session ends.
func stream(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		member, _ := session.FromContext(r.Context())
		ctx, end := sessions.SessionContext(r.Context(), member)
		defer end()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: %s\n\n", member.UserID)
		_ = http.NewResponseController(w).Flush() // the browser may be gone
		<-ctx.Done()
	}
}

// socket writes the user to a WebSocket, until the session ends.
func socket(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		member, _ := session.FromContext(r.Context())
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // it has responded
		}
		ctx, end := sessions.SessionContext(r.Context(), member)
		defer end()
		ctx = conn.CloseRead(ctx)
		_ = conn.Write(ctx, websocket.MessageText, []byte(member.UserID)) // the browser may be gone
		<-ctx.Done()
		_ = conn.Close(websocket.StatusNormalClosure, "the session has ended")
	}
}

// connect is a script that opens a connection and keeps its messages and errors in
// globalThis.seen.
const connect = `((connection) => {
	globalThis.seen = [];
	connection.onmessage = (event) => seen.push(event.data);
	connection.onerror = () => seen.push("error");
	connection.onclose = () => seen.push("closed");
	return "";
})(%s)`

func seen(p page) string { return p.run(`seen.join(" ")`) }

// TestEventSource opens an EventSource with an expired JWT while upstream is down. It
// reconnects until upstream is back, and ends at a logout.
func TestEventSource(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		s := newSite(t, options{tls: true, sessions: session.Config{RefreshBudget: shortBudget, RefreshTimeout: time.Second}})
		s.arrive(p, crossminttest.Cookies(s.expired())...)
		p.open(s.url + "/blank")
		s.fake.Down()
		p.script(fmt.Sprintf(connect, `new EventSource("/events")`))
		await(t, "an empty stream", "error", func() string { return seen(p) })
		fatal(t, s.fake.Up())
		await(t, "the event", true, func() bool { return strings.HasSuffix(seen(p), " "+s.user()) })
		expectNames(t, p, pair...)

		s.logOutByScript(t, p)
		await(t, "the end of the stream", true, func() bool { return strings.HasSuffix(seen(p), s.user()+" error") })
		await(t, "the reconnection", http.StatusUnauthorized, func() int { return s.journal.last("/events").Status })
	})
}

// TestWebSocket opens a WebSocket with an expired JWT. The session goes on, and its end
// closes the WebSocket.
func TestWebSocket(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		s := newSite(t, options{tls: true, sessions: session.Config{RefreshBudget: shortBudget, RefreshTimeout: time.Second}})
		s.arrive(p, crossminttest.Cookies(s.expired())...)
		p.open(s.url + "/blank")
		open := fmt.Sprintf(connect, `new WebSocket(location.origin.replace("https:", "wss:") + "/socket")`)
		s.fake.Down()
		p.script(open)
		await(t, "the refused WebSocket", "error closed", func() string { return seen(p) })
		fatal(t, s.fake.Up())
		p.script(open)
		await(t, "the message", s.user(), func() string { return seen(p) })

		tab := p.second()
		s.expectUser(t, tab, s.user())
		if n := s.refreshes(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
		s.logOutByScript(t, tab)
		await(t, "the closed WebSocket", true, func() bool { // WebKitGTK sometimes reports an error before
			return strings.HasPrefix(seen(p), s.user()+" ") && strings.HasSuffix(seen(p), " closed")
		})
	})
}

// logOutByScript logs out by a request of the page.
func (s *site) logOutByScript(t *testing.T, p page) {
	t.Helper()
	if got := p.script(`fetch("/logout", { method: "POST" }).then(({ status }) => String(status))`); got != "204" {
		t.Errorf("logout: %s, want 204", got)
	}
	expectNames(t, p)
}
