package integration_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
)

// TestSessionFromSignInToLogout signs in by e-mail code, lets the JWT expire, refreshes
// silently and by the page's own request, and logs out.
func TestSessionFromSignInToLogout(t *testing.T) {
	s := newSite(t, crossminttest.Config{})
	if code, body := s.get(t, "/me"); code != 401 || !strings.Contains(body, `"message":"No cookies found in request"`) {
		t.Fatalf("without a session: %d %s", code, body)
	}
	user := s.signInByCode(t, "ann@example.com")
	if code, body := s.get(t, "/me"); code != 200 || body != user {
		t.Fatalf("signed in: %d %s, want %s", code, body, user)
	}
	before := s.jar()
	s.expire(t)
	if code, body := s.get(t, "/me"); code != 200 || body != user {
		t.Fatalf("expired: %d %s", code, body)
	}
	after := s.jar()
	if after["crossmint-session"] == before["crossmint-session"] || after["crossmint-refresh-token"] == before["crossmint-refresh-token"] {
		t.Error("the browser has the old cookies after the silent refresh")
	}
	calls := s.Fake.Calls()
	for range 10 {
		_, _ = s.get(t, "/me")
	}
	if s.Fake.Calls() != calls {
		t.Error("requests with a valid JWT called upstream")
	}
	if code, body := s.post(t, "/refresh", `{}`); code != 200 || !strings.Contains(body, user) {
		t.Errorf("the page's refresh: %d %s", code, body)
	}
	if code, _ := s.post(t, "/logout", ""); code != 204 {
		t.Errorf("logout: %d", code)
	}
	if left := s.jar(); len(left) != 0 {
		t.Errorf("cookies after logout: %v", left)
	}
	if live := s.Fake.LiveOf(user); live != 0 {
		t.Errorf("%d refresh tokens are still live", live)
	}
	if code, _ := s.get(t, "/me"); code != 401 {
		t.Errorf("after logout: %d", code)
	}
}

// TestDisconnectDuringRefresh lets a client disconnect while its refresh runs. It returns
// with the old token and gets the new one.
func TestDisconnectDuringRefresh(t *testing.T) {
	s := newSite(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	s.Fake.SignInExpired(s.browser.Jar, s.url, "ann@example.com")
	reached, release := make(chan struct{}), make(chan struct{})
	s.Fake.Fail(crossminttest.Refresh, crossminttest.Replace(func(response []byte) []byte {
		close(reached)
		<-release
		return response
	}))
	ctx, disconnect := context.WithCancel(t.Context())
	disconnected := make(chan error)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String()+"/me", nil)
		if err == nil {
			_, err = s.browser.Do(r)
		}
		disconnected <- err
	}()
	<-reached
	disconnect()
	if err := <-disconnected; err == nil {
		t.Fatal("the client did not disconnect")
	}
	close(release)
	if code, _ := s.get(t, "/me"); code != 200 {
		t.Errorf("the next request with the old token: %d", code)
	}
	if calls := s.Fake.Calls().Refresh; calls != 1 {
		t.Errorf("%d calls of upstream, want 1", calls)
	}
}

// jar returns the browser's cookies.
func (s *site) jar() map[string]string {
	cookies := map[string]string{}
	for _, c := range s.browser.Jar.Cookies(s.url) {
		cookies[c.Name] = c.Value
	}
	return cookies
}

// signInByCode signs in like Crossmint's browser client and returns the user ID.
func (s *site) signInByCode(t *testing.T, email string) string {
	t.Helper()
	emailID, err := s.Client.SendEmailOTP(t.Context(), email)
	testkit.NoError(t, err)
	secret, err := s.Client.ConfirmEmailOTP(t.Context(), email, emailID, s.Fake.Code(email))
	testkit.NoError(t, err)
	code, body := s.post(t, "/refresh", `{"refresh":"`+secret.Reveal()+`"}`)
	var response struct{ User struct{ ID, Email string } }
	if err := json.Unmarshal([]byte(body), &response); err != nil || code != 200 || response.User.Email != email {
		t.Fatalf("sign-in: %d %s", code, body)
	}
	return response.User.ID
}

// expire replaces the JWT in the jar by an expired one.
func (s *site) expire(t *testing.T) {
	t.Helper()
	s.browser.Jar.SetCookies(s.url, []*http.Cookie{{
		Name: "crossmint-session", Path: "/", Value: s.Fake.ExpiredJWT(s.Fake.NewUser("ann@example.com")), Expires: time.Now().Add(time.Hour),
	}})
}
