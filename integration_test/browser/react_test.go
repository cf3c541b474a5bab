package browser_test

import (
	stdcmp "cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// uiState is the state of the script of the page with the React UI.
type uiState struct {
	User   string `json:"user"`   // "" if no user is signed in
	Status string `json:"status"` // of useCrossmintAuth
}

var signedOut = uiState{"", "logged-out"}

// stateOf returns the state of the page's script.
func stateOf(t *testing.T, p page) (got uiState) {
	t.Helper()
	fatal(t, json.Unmarshal([]byte(p.script(`JSON.stringify(globalThis.state ?? {})`)), &got))
	return got
}

func awaitUI(t *testing.T, p page, what string, want uiState) {
	t.Helper()
	await(t, what, want, func() uiState { return stateOf(t, p) })
}

// openUI opens the page with the React UI and waits until it shows the test's user. The
// UI must not call the logout route.
func (s *site) openUI(t *testing.T, p page) {
	t.Helper()
	logouts := s.journal.arrivals("/logout")
	p.open(s.url)
	awaitUI(t, p, "the signed-in user", uiState{s.user(), "logged-in"})
	if n := s.journal.arrivals("/logout") - logouts; n != 0 {
		t.Errorf("the page load called the logout route %d times", n)
	}
}

// expectNames compares the names of the cookies of the profile.
func expectNames(t *testing.T, p page, want ...string) {
	t.Helper()
	await(t, "the cookies", want, func() []string {
		names := p.cookieNames()
		slices.Sort(names)
		return names
	})
}

// eachUIAndBrowser runs a test with every version of the React UI in each browser.
func eachUIAndBrowser(t *testing.T, test func(t *testing.T, c client, p page)) {
	eachEngine(t, func(t *testing.T, e engine) {
		eachUI(t, func(t *testing.T, c client) { test(t, c, e.newTab(t)) })
	})
}

// click clicks on an element that a script of the page may still have to add.
func click(t *testing.T, p page, element string) {
	t.Helper()
	await(t, element, "clicked", func() string {
		return p.script(fmt.Sprintf(`(() => {
			const element = document.querySelector(%q);
			element?.click();
			return element ? "clicked" : "";
		})()`, element))
	})
}

// enter sets the value of a field that a script of the page may still have to add. React
// sees it as typed.
func enter(t *testing.T, p page, field, value string) {
	t.Helper()
	await(t, field, value, func() string {
		return p.script(fmt.Sprintf(`(() => {
			const field = document.querySelector(%q);
			if (!field) return "";
			Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, %q);
			field.dispatchEvent(new Event("input", { bubbles: true }));
			return field.value;
		})()`, field, value))
	})
}

// TestReactUI signs in by e-mail code in the dialog of the React UI, reloads, loads the
// page with an expired JWT, logs out and reloads.
func TestReactUI(t *testing.T) {
	eachUIAndBrowser(t, func(t *testing.T, c client, p page) {
		s := newSite(t, options{client: c, tls: true})
		p.open(s.url)
		awaitUI(t, p, "an anonymous page", signedOut)
		await(t, "the UI's logout", 1, func() int { return len(s.journal.to("/logout")) })

		click(t, p, "#login")
		enter(t, p, "#emailInput", email)
		click(t, p, "form button[type=submit]")
		await(t, "the e-mail", true, func() bool { return s.fake.Code(email) != "" })
		enter(t, p, "[data-input-otp]", s.fake.Code(email))
		awaitUI(t, p, "the sign-in", uiState{s.user(), "logged-in"})
		expectNames(t, p, pair...)
		s.openUI(t, p)

		before := s.refreshes()
		s.arrive(p, crossminttest.Cookies(s.expired())...)
		s.openUI(t, p)
		if n := s.refreshes() - before; n != 1 {
			t.Errorf("%d refreshes with an expired JWT, want 1", n)
		}
		expectNames(t, p, pair...)

		click(t, p, "#logout")
		awaitUI(t, p, "the logout", signedOut)
		await(t, "the UI's logout", 2, func() int { return len(s.journal.to("/logout")) })
		if diff := cmp.Diff(visit{"POST", "/logout", "same-origin", pair, 204, pair}, s.journal.last("/logout")); diff != "" {
			t.Errorf("logout (-want +got):\n%s", diff)
		}
		expectNames(t, p)
		p.open(s.url)
		awaitUI(t, p, "the page after the logout", signedOut)
	})
}

// TestReactUIOutage loads the page while upstream is down, with a valid JWT and with an
// expired one, and again when upstream is back.
func TestReactUIOutage(t *testing.T) {
	eachUIAndBrowser(t, func(t *testing.T, c client, p page) {
		s := newSite(t, options{client: c, tls: true, sessions: session.Config{RefreshBudget: shortBudget, StaleFor: time.Hour}})
		for _, grant := range []session.Grant{s.fake.Grant(s.fake.NewUser(email)), s.expired()} {
			s.arrive(p, crossminttest.Cookies(grant)...)
			s.fake.Down()
			s.openUI(t, p)
			fatal(t, s.fake.Up())
			s.openUI(t, p)
			expectNames(t, p, pair...)
		}
	})
}

// TestReactUIExpiredSession loads the page after upstream has ended the session.
func TestReactUIExpiredSession(t *testing.T) {
	eachUIAndBrowser(t, func(t *testing.T, c client, p page) {
		s := newSite(t, options{client: c, tls: true})
		s.arrive(p, crossminttest.Cookies(s.expired())...)
		s.fake.RevokeUser(s.user())
		p.open(s.url)
		awaitUI(t, p, "the page", signedOut)
		expectNames(t, p) // after the UI's logout
		var statuses []int
		for _, v := range s.journal.to("/refresh") {
			statuses = append(statuses, v.Status)
		}
		if diff := cmp.Diff([]int{307, 401}, statuses); diff != "" {
			t.Errorf("statuses of the refreshes (-want +got):\n%s", diff)
		}
	})
}

// TestReactUIOnTwoInstances loads a page with the React UI, which refreshes the session
// at once and signs out on any status but 200.
func TestReactUIOnTwoInstances(t *testing.T) {
	eachUIAndBrowser(t, func(t *testing.T, c client, p page) {
		s := newInstances(t, c)
		logouts := 0 // before the load
		s.loadRepeatedly(t, p, "/parallel/client", []int{200, 200, 200, 200}, func() bool {
			await(t, "the UI's sign-in or sign-out", true, func() bool {
				return stateOf(t, p).User != "" || s.journal.arrivals("/logout") > logouts
			})
			before := logouts
			logouts = s.journal.arrivals("/logout")
			return stateOf(t, p) == uiState{s.user(), "logged-in"} && logouts == before
		})
	})
}

// TestReactUIStatuses loads the page of a signed-in user. Before the
// refresh the React UI finds the JWT under the scoped name, not under the documented one.
func TestReactUIStatuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		cookies cookie.Config
		rename  map[string]string
		want    string
	}{
		{name: "documented names", want: `["initializing","logged-out","logged-in"]`},
		{
			name: "scoped names", cookies: cookie.Config{Names: cookie.Scoped(projectID)},
			rename: map[string]string{documentedJWT: scopedJWT, unscopedRefresh: scopedRefresh},
			want:   `["initializing","logged-in"]`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachUIAndBrowser(t, func(t *testing.T, c client, p page) {
				s := newSite(t, options{client: c, tls: true, cookies: test.cookies})
				cookies := crossminttest.Cookies(s.fake.Grant(s.fake.NewUser(email)))
				for _, c := range cookies {
					c.Name = stdcmp.Or(test.rename[c.Name], c.Name)
				}
				s.arrive(p, cookies...)
				s.openUI(t, p)
				if got := p.script(`JSON.stringify(state.statuses)`); got != test.want {
					t.Errorf("statuses %s, want %s", got, test.want)
				}
				click(t, p, "#logout")
				expectNames(t, p)
			})
		})
	}
}
