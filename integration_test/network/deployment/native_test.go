package deployment_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// app is a native client: it has no cookies, and keeps both tokens itself.
type nativeApp struct {
	address string
	tokens  struct {
		JWT          string
		RefreshToken struct{ Secret string }
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	k := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	a := &nativeApp{address: "http://" + serve(t, &http.Server{Handler: native(k, k.codec(t, cookie.Config{}))})}
	user := k.fake.NewUser("ada@example.com")

	a.refresh(t, k.fake.OneTimeSecret(user))
	if status, body := a.me(t, a.tokens.JWT); status != http.StatusOK || body != user.ID {
		t.Errorf("GET /me: %d %q, want the user", status, body)
	}
	if status, _ := a.me(t, k.fake.ExpiredJWT(user)); status != http.StatusUnauthorized {
		t.Errorf("GET /me with an expired JWT: %d, want 401", status)
	}
	a.refresh(t, a.tokens.RefreshToken.Secret)
	if status, _ := a.me(t, a.tokens.JWT); status != http.StatusOK {
		t.Errorf("GET /me after a refresh: %d", status)
	}
	status, _ := a.do(t, http.MethodPost, "/logout", "", `{"refresh":"`+a.tokens.RefreshToken.Secret+`"}`)
	if diff := cmp.Diff([]int{http.StatusNoContent, 0}, []int{status, k.fake.LiveOf(user.ID)}); diff != "" {
		t.Errorf("status of the logout, and live tokens (-want +got):\n%s", diff)
	}
}

func (a *nativeApp) refresh(t *testing.T, secret string) {
	t.Helper()
	status, body := a.do(t, http.MethodPost, "/refresh", "", `{"refresh":"`+secret+`"}`)
	if err := json.Unmarshal([]byte(body), &a.tokens); status != http.StatusOK || err != nil || a.tokens.RefreshToken.Secret == "" {
		t.Fatalf("POST /refresh: %d, %v", status, err)
	}
}

func (a *nativeApp) me(t *testing.T, jwt string) (int, string) {
	t.Helper()
	return a.do(t, http.MethodGet, "/me", "Bearer "+jwt, "")
}

func (a *nativeApp) do(t *testing.T, method, path, authorization, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.address+path, strings.NewReader(body))
	fatal(t, err)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	fatal(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fatal(t, err)
	return res.StatusCode, string(text)
}
