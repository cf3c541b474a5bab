package browser_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

// relation is a possible origin of an attacker's page relative to the site.
type relation struct {
	name           string
	site, attacker string
	fetchSite      string
	cookies        []string // that the browser attaches to the attacker's requests
}

var relations = []relation{
	{"another port", "127.0.0.1", "127.0.0.1", "same-site", pair},
	{"sibling domain", "app.shop.localhost", "blog.shop.localhost", "same-site", pair},
	{"another site", "127.0.0.1", "localhost", "cross-site", nil},
}

// attacks are scripts of the attacker's page. URL is the route. The last one navigates
// away.
var attacks = []struct {
	name    string
	script  string
	method  string
	status  int
	cookies bool // the request has the cookies of relations
}{
	{"fetch", `fetch(URL, {method: "POST", mode: "no-cors", credentials: "include"}).then(() => "")`, "POST", 403, true},
	{"fetch of text", `fetch(URL, {method: "POST", mode: "no-cors", credentials: "include", body: "{}"}).then(() => "")`, "POST", 403, true},
	{"fetch of JSON", `fetch(URL, {method: "POST", credentials: "include", body: "{}", headers: {"Content-Type": "application/json"}}).catch(() => "")`, "OPTIONS", 405, false},
	{"beacon", `String(navigator.sendBeacon(URL, "{}"))`, "POST", 403, true},
	{"image", `(new Image().src = URL, "")`, "GET", 405, true},
	{"form", `(() => {
		const form = document.body.appendChild(document.createElement("form"));
		[form.method, form.action] = ["POST", URL];
		form.submit();
		return "";
	})()`, "POST", 403, true},
}

// expectRejected sends all attacks from a page in a second tab. The site must reject each.
func (s *site) expectRejected(t *testing.T, p page, from relation, attackers string) {
	t.Helper()
	for _, route := range []string{"/refresh", "/logout"} {
		attacker := p.second()
		attacker.open(attackers)
		for _, attack := range attacks {
			want := visit{attack.method, route, from.fetchSite, nil, attack.status, nil}
			if attack.cookies {
				want.Cookies = from.cookies
			}
			seen := len(s.journal.to(route))
			attacker.run(`((URL) => ` + attack.script + `)("` + s.url + route + `")`)
			await(t, attack.name+" of "+route, seen+1, func() int { return len(s.journal.to(route)) })
			if diff := cmp.Diff(want, s.journal.last(route)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", attack.name, diff)
			}
		}
	}
}

// TestOtherOriginsCannotRefreshOrLogOut opens an attacker's page in another tab. All its
// requests are rejected, and nothing changes.
func TestOtherOriginsCannotRefreshOrLogOut(t *testing.T) {
	for _, relation := range relations {
		t.Run(relation.name, func(t *testing.T) {
			s := newSite(t, options{host: relation.site})
			b := newTab(t)
			s.arrive(b, crossminttest.Cookies(s.expired())...)
			s.expectRendered(b, s.user())
			before, calls := b.jar(), s.fake.Calls()
			s.expectRejected(t, b, relation, under(relation.attacker, newBlank(t)))
			if diff := cmp.Diff(before, b.jar()); diff != "" {
				t.Errorf("cookies (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(calls, s.fake.Calls()); diff != "" {
				t.Errorf("upstream calls (-before +after):\n%s", diff)
			}
			s.expectRendered(b, s.user())
			b.open(s.url)
			b.awaitUser(s.user())
		})
	}
}

// TestSameOriginCanRefreshAndLogOut sends the same requests from the page of the site.
func TestSameOriginCanRefreshAndLogOut(t *testing.T) {
	s := newSite(t, options{})
	b := newTab(t)
	s.arrive(b, crossminttest.Cookies(s.expired())...)
	for _, want := range []visit{
		{"POST", "/refresh", "same-origin", pair, 200, pair},
		{"POST", "/logout", "same-origin", pair, 204, pair},
	} {
		b.script(`fetch("` + want.Path + `", {method: "POST", mode: "no-cors", credentials: "include"}).then(() => "")`)
		if diff := cmp.Diff(want, s.journal.last(want.Path)); diff != "" {
			t.Errorf("visit (-want +got):\n%s", diff)
		}
	}
}

// TestOtherOriginsInEachBrowser sends the same requests on https. They are rejected, and
// the session goes on.
func TestOtherOriginsInEachBrowser(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		for _, relation := range relations {
			t.Run(relation.name, func(t *testing.T) {
				s, p := newSite(t, options{host: relation.site, tls: true}), e.newTab(t)
				s.arrive(p, crossminttest.Cookies(s.expired())...)
				s.expectUser(t, p, s.user())
				calls := s.fake.Calls()
				attackers := under(relation.attacker, serve(t, true, http.HandlerFunc(blank)))
				s.expectRejected(t, p, relation, attackers)
				if diff := cmp.Diff(calls, s.fake.Calls()); diff != "" {
					t.Errorf("upstream calls (-before +after):\n%s", diff)
				}
				s.expectUser(t, p, s.user())
			})
		}
	})
}
