package integration_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A user's whole story: sign-in by e-mail code, requests, the JWT's end, a
// silent refresh, the page's own refresh, logout.
func TestStoryOfAUser(t *testing.T) {
	s := newSite(t, crossminttest.Config{})
	if code, body := s.get(t, "/me"); code != 401 || !strings.Contains(body, `"message":"No cookies found in request"`) {
		t.Fatalf("a visitor: %d %s", code, body)
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
		t.Error("the silent refresh left the browser with the old cookies")
	}
	calls := s.upstream.Calls()
	for range 10 {
		_, _ = s.get(t, "/me")
	}
	if s.upstream.Calls() != calls {
		t.Error("valid requests made calls")
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
	if live := s.upstream.LiveOf(user); live != 0 {
		t.Errorf("%d refresh tokens live on", live)
	}
	if code, _ := s.get(t, "/me"); code != 401 {
		t.Errorf("after logout: %d", code)
	}
}

// A client that leaves in the middle of its refresh returns with the old
// token, and finds the new one.
func TestDisconnectInMidRefresh(t *testing.T) {
	s := newSite(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	s.upstream.SignInExpired(s.browser.Jar, s.url, "ann@example.com")
	reached, answer := make(chan struct{}), make(chan struct{})
	s.upstream.Fail(crossminttest.Refresh, crossminttest.Replace(func(right []byte) []byte {
		close(reached)
		<-answer
		return right
	}))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String()+"/me", nil)
		if err == nil {
			_, err = s.browser.Do(r)
		}
		left <- err
	}()
	<-reached
	leave()
	if err := <-left; err == nil {
		t.Fatal("the client did not leave")
	}
	close(answer)
	if code, _ := s.get(t, "/me"); code != 200 {
		t.Errorf("returning with the old token: %d", code)
	}
	if calls := s.upstream.Calls().Refresh; calls != 1 {
		t.Errorf("upstream was asked %d times", calls)
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

// signInByCode signs in as Crossmint's browser client does, and returns the
// user's ID.
func (s *site) signInByCode(t *testing.T, email string) string {
	t.Helper()
	client, err := crossmint.NewClient(s.upstream.Config())
	fatal(t, err)
	defer client.Close()
	emailID, err := client.SendEmailOTP(t.Context(), email)
	fatal(t, err)
	secret, err := client.ConfirmEmailOTP(t.Context(), email, emailID, s.upstream.Code(email))
	fatal(t, err)
	code, body := s.post(t, "/refresh", `{"refresh":"`+secret.Reveal()+`"}`)
	var answer struct{ User struct{ ID, Email string } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != 200 || answer.User.Email != email {
		t.Fatalf("sign-in: %d %s", code, body)
	}
	return answer.User.ID
}

// expire replaces the JWT of the jar by one that has expired.
func (s *site) expire(t *testing.T) {
	t.Helper()
	s.browser.Jar.SetCookies(s.url, []*http.Cookie{{
		Name: "crossmint-session", Path: "/", Value: s.upstream.ExpiredJWT(s.upstream.NewUser("ann@example.com")), Expires: time.Now().Add(time.Hour),
	}})
}
