package deployment_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
)

// TestLargeJWT renews a session whose JWT almost fills its cookie, behind every nginx
// of the document: with the default buffers the response would be a 502.
func TestLargeJWT(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"host-kept", "host-rewritten", "cache", "health-checks"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}), newCertificate(t, "app.example.com")
			backend := serve(t, &http.Server{Handler: mount(k, k.codec(t, cookie.Config{}), handlers.Config{}, middleware.Config{})})
			config := strings.NewReplacer("127.0.0.1:8080;", backend+";", "127.0.0.1:8081;", backend+";").Replace(snippet(t, name, "nginx"))
			b := newBrowser(t, internet{"app.example.com:443": nginx(t, config, backend, c)}, c.roots)
			k.fake.SetClaims(k.fake.NewUser("ann@example.com").ID, map[string]any{"padding": strings.Repeat("a", 2600)})
			k.fake.SignInExpired(b.client.Jar, parse(t, app), "ann@example.com")
			got := []int{b.fetch(t, app, http.MethodGet, app+"/me", "").Status, b.fetch(t, app, http.MethodGet, app+"/me", "").Status}
			if diff := cmp.Diff([]int{200, 200}, got); diff != "" {
				t.Errorf("the renewal, and the next request (-want +got):\n%s", diff)
			}
			if size := len(b.cookies(t, app)["crossmint-session"]); size < 3700 || size > 4000 {
				t.Errorf("JWT of %d bytes, want about 3,900", size)
			}
		})
	}
}

// TestHealthChecks lets Crossmint fail behind two instances. The users with valid
// sessions must not notice that: with the configuration of the document, and with
// status 429 also where nginx counts 503 as a failure of an instance.
func TestHealthChecks(t *testing.T) {
	t.Parallel()
	routes, sessions := noDecision()
	tests := []struct {
		name     string
		careless bool // nginx counts every status that it can
		routes   handlers.Config
		sessions middleware.Config
		want     map[int]int // statuses of the users with valid sessions
		outage   int         // status of the others
	}{
		{name: "document", want: map[int]int{200: 20}, outage: 503},
		{name: "503 counts", careless: true, want: map[int]int{502: 20}, outage: 502},
		{name: "503 counts, status 429", careless: true, routes: routes, sessions: sessions, want: map[int]int{200: 20}, outage: 429},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k, c := newKit(t, crossminttest.Config{}), newCertificate(t, "app.example.com")
			handler := mount(k, k.codec(t, cookie.Config{}), test.routes, test.sessions)
			config := strings.NewReplacer(
				"127.0.0.1:8080;", serve(t, &http.Server{Handler: handler})+";", "127.0.0.1:8081;", serve(t, &http.Server{Handler: handler})+";",
			).Replace(snippet(t, "health-checks", "nginx"))
			if test.careless {
				config = strings.Replace(config, "proxy_next_upstream error timeout;", "proxy_next_upstream error timeout http_503;", 1)
			}
			hosts := internet{"app.example.com:443": nginx(t, config, "", c)}
			signedIn, expired := newBrowser(t, hosts, c.roots), newBrowser(t, hosts, c.roots)
			k.fake.SignIn(signedIn.client.Jar, parse(t, app), "ann@example.com")
			k.fake.SignInExpired(expired.client.Jar, parse(t, app), "bea@example.com")
			k.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(403, "text/html", ""))

			got, last := map[int]int{}, 0
			for range 5 { // nginx takes an instance out for 10 s after one failure
				expired.fetch(t, app, http.MethodGet, app+"/me", "")
			}
			for range 20 {
				got[signedIn.fetch(t, app, http.MethodGet, app+"/me", "").Status]++
				last = expired.fetch(t, app, http.MethodGet, app+"/me", "").Status
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("statuses of users with valid sessions (-want +got):\n%s", diff)
			}
			if last != test.outage {
				t.Errorf("others: %d, want %d", last, test.outage)
			}
		})
	}
}
