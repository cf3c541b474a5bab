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
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// browser is a cookie jar before a kit on a socket.
type browser struct {
	t      *testing.T
	url    *url.URL
	client *http.Client
}

func (k *kit) browser(t *testing.T) *browser {
	t.Helper()
	var err error
	k.cookies, err = cookie.NewCodec(cookie.Config{ProjectID: k.client.ProjectID(), InsecureAllowHTTP: true})
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(k.sessions, k.cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(k.sessions, k.cookies, handlers.Config{}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	site, err := url.Parse(server.URL)
	must(t, err)
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &browser{t, site, &http.Client{Jar: jar, Transport: server.Client().Transport}}
}

// post sends what Crossmint's browser client sends, and returns the verdict.
func (b *browser) post(path string) string {
	res, err := b.client.Post(b.url.String()+path, "application/json", strings.NewReader("{}"))
	if err != nil {
		b.t.Error(err)
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	checkHeaders(b.t, res)
	return verdict(b.t, res)
}

// held is an answer that upstream holds back; reached tells that the call has
// taken effect.
func held() (fault crossminttest.Fault, reached, release chan struct{}) {
	reached, release = make(chan struct{}), make(chan struct{})
	return crossminttest.Replace(func(answer []byte) []byte {
		close(reached)
		<-release
		return answer
	}), reached, release
}

// A page refreshes, and another tab of it logs out. Whichever upstream answers
// first, the browser ends without cookies and nobody holds a live token.
func TestLogoutRacesRefresh(t *testing.T) {
	for name, policy := range map[string]crossminttest.ReusePolicy{"grace": crossminttest.ReuseGrace, "refuse": crossminttest.ReuseRefuse} {
		for _, slow := range []crossminttest.Endpoint{crossminttest.Refresh, crossminttest.Logout} {
			t.Run(name+", the slow one is "+string(slow), func(t *testing.T) {
				k := newKit(t, crossminttest.Config{Reuse: policy}, session.Config{}, handlers.Config{})
				b := k.browser(t)
				k.fake.SignInExpired(b.client.Jar, b.url, "ann@example.com")
				ann := k.fake.NewUser("ann@example.com")
				first, second := "/refresh", "/logout"
				if slow == crossminttest.Logout {
					first, second = second, first
				}
				fault, reached, release := held()
				k.fake.Fail(slow, fault)
				answers := make(chan string)
				go func() { answers <- b.post(first) }()
				<-reached
				early := b.post(second)
				close(release)
				got := map[string]string{second: early, first: <-answers}
				must(t, k.sessions.Close(t.Context())) // what is revoked late is revoked by now
				want := map[string]string{"/refresh": "401 kept", "/logout": "204 cleared"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if left := b.client.Jar.Cookies(b.url); len(left) != 0 {
					t.Errorf("left in the browser: %v", left)
				}
				if live := k.fake.LiveOf(ann.ID); live != 0 {
					t.Errorf("%d refresh tokens live on", live)
				}
			})
		}
	}
}
