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
