package deployment_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// TestTimeoutsFit has upstream hang, with every default of the kit and the
// document's timeouts around it: the kit's own responses must arrive. It takes
// the ten seconds that they take.
func TestTimeoutsFit(t *testing.T) {
	t.Parallel()
	got := whileUpstreamHangs(t, func(snippet string) string { return snippet })
	want := hanging{Refresh: http.StatusOK, Me: http.StatusServiceUnavailable}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses while upstream hangs (-want +got):\n%s", diff)
	}
}

// With a shorter timeout the proxy responds first, and the browser does not get
// the kit's response.
func TestTimeoutsThatDoNotFit(t *testing.T) {
	t.Parallel()
	got := whileUpstreamHangs(t, func(snippet string) string {
		return strings.Replace(snippet, "proxy_read_timeout 35s;", "proxy_read_timeout 1s;", 1)
	})
	want := hanging{Refresh: http.StatusGatewayTimeout, Me: http.StatusGatewayTimeout}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses while upstream hangs (-want +got):\n%s", diff)
	}
}

// hanging is the statuses of a refresh with a valid JWT and of a page with an
// expired one.
type hanging struct{ Refresh, Me int }

func whileUpstreamHangs(t *testing.T, change func(snippet string) string) (got hanging) {
	t.Helper()
	k, c := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}), newCertificate(t, "app.example.com")
	server, err := sameOrigin(k)
	fatal(t, err)
	hosts := internet{"app.example.com:443": nginx(t, change(snippet(t, "host-kept", "nginx")), serve(t, server), c)}
	k.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
	valid, expired := newBrowser(t, hosts, c.roots), newBrowser(t, hosts, c.roots)
	k.fake.SignIn(valid.client.Jar, parse(t, app), "ada@example.com")
	k.fake.SignInExpired(expired.client.Jar, parse(t, app), "bob@example.com")
	var both sync.WaitGroup
	both.Go(func() { got.Refresh = valid.fetch(t, app, http.MethodPost, app+"/refresh", "{}").Status })
	both.Go(func() { got.Me = expired.fetch(t, app, http.MethodGet, app+"/me", "").Status })
	both.Wait()
	k.fake.Close() // frees what hangs
	return got
}
