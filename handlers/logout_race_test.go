package handlers_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// jsonClient is Crossmint's browser client with a cookie jar, connected over a
// socket.
type jsonClient struct {
	t      *testing.T
	url    *url.URL
	client *http.Client
}

func (env *testEnv) newJSONClient(t *testing.T) *jsonClient {
	t.Helper()
	var err error
	env.cookies, err = cookie.NewCodec(cookie.Config{ProjectID: env.Client.ProjectID(), InsecureAllowHTTP: true})
	testkit.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(env.Manager, env.cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(env.Manager, env.cookies, handlers.Config{}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	site, err := url.Parse(server.URL)
	testkit.NoError(t, err)
	jar, err := cookiejar.New(nil)
	testkit.NoError(t, err)
	return &jsonClient{t: t, url: site, client: &http.Client{Jar: jar, Transport: server.Client().Transport}}
}

// post sends a request and returns the summary of its response.
func (c *jsonClient) post(path string) string {
	res, err := c.client.Post(c.url.String()+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		c.t.Error(err)
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	checkHeaders(c.t, res)
	return testkit.ResponseOutcome(c.t, res)
}

// holdResponse returns a fault that delays upstream's response until release is
// closed. It closes reached when the call has taken effect.
func holdResponse() (fault crossminttest.Fault, reached, release chan struct{}) {
	reached, release = make(chan struct{}), make(chan struct{})
	return crossminttest.Replace(func(response []byte) []byte {
		close(reached)
		<-release
		return response
	}), reached, release
}

// TestLogoutRacesRefresh refreshes in one tab and logs out in another. In every order
// of upstream's responses, the browser has no cookies and no token is live at the
// end.
func TestLogoutRacesRefresh(t *testing.T) {
	for name, policy := range map[string]crossminttest.ReusePolicy{"grace": crossminttest.ReuseGrace, "refuse": crossminttest.ReuseRefuse} {
		for _, slow := range []crossminttest.Endpoint{crossminttest.Refresh, crossminttest.Logout} {
			t.Run(name+", the slow one is "+string(slow), func(t *testing.T) {
				env := newTestEnv(t, crossminttest.Config{Reuse: policy}, session.Config{}, handlers.Config{})
				c := env.newJSONClient(t)
				env.Fake.SignInExpired(c.client.Jar, c.url, "ann@example.com")
				ann := env.Fake.NewUser("ann@example.com")
				first, second := "/refresh", "/logout"
				if slow == crossminttest.Logout {
					first, second = second, first
				}
				fault, reached, release := holdResponse()
				env.Fake.Fail(slow, fault)
				summaries := make(chan string)
				go func() { summaries <- c.post(first) }()
				<-reached
				early := c.post(second)
				close(release)
				got := map[string]string{second: early, first: <-summaries}
				testkit.NoError(t, env.Manager.Close(t.Context())) // waits for pending revocations
				want := map[string]string{"/refresh": "401 kept", "/logout": "204 cleared"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("summaries (-want +got):\n%s", diff)
				}
				if left := c.client.Jar.Cookies(c.url); len(left) != 0 {
					t.Errorf("cookies left in the browser: %v", left)
				}
				if live := env.Fake.LiveOf(ann.ID); live != 0 {
					t.Errorf("%d refresh tokens are still live", live)
				}
			})
		}
	}
}
