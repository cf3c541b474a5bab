package browser_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

var loads = flag.Int("browser.loads", 3, "page loads for each browser, in the tests with two instances")

// parallelScript returns a script that sends requests at once: it opens the protected
// page in a frame, fetches it three times and, if refresh is set, posts to /refresh. It
// stores the statuses that it sees.
func parallelScript(refresh bool) string {
	post := ""
	if refresh {
		post = `, status(fetch("/refresh", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }))`
	}
	return `<body><script>
const status = (response) => response.then(({ status }) => status, String);
const frame = new Promise((done) => {
	const element = document.createElement("iframe");
	element.onload = () => done(element.contentDocument.querySelector("#user") ? 200 : 0); // WebKit tells no status
	element.src = "/page";
	document.body.append(element);
});
globalThis.statuses = Promise.all([frame, status(fetch("/page?1")), status(fetch("/page?2")), status(fetch("/page?3"))` + post + `]);
</script>`
}

// parallelPage returns the public page with that script and without the vendor's client.
func parallelPage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!doctype html><title>Parallel</title><link rel="icon" href="data:,">`+parallelScript(true)) // the browser may be gone
	})
}

// newInstances returns a site with two instances, whose upstream accepts each refresh
// token once.
func newInstances(t *testing.T, c client) *site {
	t.Helper()
	s := newSite(t, options{client: c, tls: true, instances: 2, fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}})
	s.fake.SetLatency(crossminttest.Refresh, 50*time.Millisecond)
	return s
}

// TestTwoInstances loads a page that sends five requests at once with an expired JWT.
// Each instance refreshes the session, and upstream refuses the refresh of one of them.
// No request may see that.
func TestTwoInstances(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		newInstances(t, newest()).loadRepeatedly(t, p, "/parallel", []int{200, 200, 200, 200, 200}, func() bool { return true })
	})
}

// TestClientOnTwoInstances loads a page with the vendor's client, which refreshes the
// session at once and signs out on any status but 200.
func TestClientOnTwoInstances(t *testing.T) {
	eachEngine(t, func(t *testing.T, e engine) {
		eachClient(t, func(t *testing.T, c client) {
			s, p := newInstances(t, c), e.newTab(t)
			s.loadRepeatedly(t, p, "/parallel/client", []int{200, 200, 200, 200}, func() bool {
				var got state
				await(t, "the client's sign-in or sign-out", true, func() bool {
					fatal(t, json.Unmarshal([]byte(p.script(`JSON.stringify(globalThis.state ?? {})`)), &got))
					return got.User != "" || got.Logouts > 0
				})
				return got.User == s.user() && got.Logouts == 0
			})
		})
	})
}

// loadRepeatedly loads a page again and again. Before each load the JWT expires. Every
// load must see the statuses, and be signed in at its end; one session must last.
func (s *site) loadRepeatedly(t *testing.T, p page, path string, want []int, isSignedIn func() bool) {
	t.Helper()
	s.arrive(p, crossminttest.Cookies(s.expired())...)
	signedOut := 0
	for load := range *loads {
		s.arrive(p, &http.Cookie{Name: documentedJWT, Value: s.fake.ExpiredJWT(s.fake.NewUser(email)), Path: "/"})
		p.open(s.url + path)
		var got []int
		if err := json.Unmarshal([]byte(p.script(`statuses.then(JSON.stringify)`)), &got); err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(want, got)
		if signedIn := isSignedIn(); signedIn && diff == "" {
			continue
		}
		t.Errorf("load %d: signed out; statuses (-want +got):\n%s", load+1, diff)
		signedOut++
		s.arrive(p, crossminttest.Cookies(s.expired())...)
	}
	redirects := s.journal.count(http.StatusTemporaryRedirect)
	t.Logf("%d of %d loads signed out; %d requests were redirected, upstream was called %d times", signedOut, *loads, redirects, s.refreshes())
	if s.refreshes() <= *loads {
		t.Errorf("%d refreshes for %d loads: the test does not show refusals", s.refreshes(), *loads)
	}
	p.open(s.url + "/page")
	if user := p.script(`document.querySelector("#user")?.textContent ?? ""`); user != s.user() {
		t.Errorf("at the end the page is for user %q, want %q", user, s.user())
	}
	names := p.cookieNames()
	for name := range documented {
		if !slices.Contains(names, name) {
			t.Errorf("at the end the browser has the cookies %q, without %q", names, name)
		}
	}
}
