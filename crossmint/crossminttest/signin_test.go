package crossminttest_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestSignInSetsCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // at a known time
		fake := start(t, crossminttest.Config{InMemory: true})
		site := &url.URL{Scheme: "http", Host: "shop.example", Path: "/cart"}
		signIns := map[string]func(http.CookieJar, *url.URL, string) session.Grant{
			"valid": fake.SignIn, "expired": fake.SignInExpired,
		}
		for name, signIn := range signIns {
			jar, _ := cookiejar.New(nil)
			grant := signIn(jar, site, "ada@example.com")
			got := map[string]string{}
			for _, c := range jar.Cookies(&url.URL{Scheme: "http", Host: "shop.example", Path: "/"}) {
				got[c.Name] = c.Value
			}
			if len(got) != 2 || got["crossmint-session"] != grant.JWT.Reveal() || got["crossmint-refresh-token"] != grant.RefreshToken.Secret.Reveal() {
				t.Errorf("%s: cookies = %v", name, got)
			}
			exp := time.Unix(int64(claimsOf(t, grant.JWT.Reveal())["exp"].(float64)), 0)
			if expired := exp.Before(time.Now()); expired != (name == "expired") {
				t.Errorf("%s: the JWT expires at %v, now is %v", name, exp, time.Now())
			}
			if !fake.Live(grant.RefreshToken.Secret.Reveal()) {
				t.Errorf("%s: the refresh token is not live", name)
			}
		}
	})
}

func TestGrantAddsUnknownUsers(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := session.User{ID: "user-x", PhoneNumber: "+15550100"}
	if got := fake.Grant(user).User; got.PhoneNumber != user.PhoneNumber {
		t.Errorf("user = %+v, want %+v", got, user)
	}
	if got := fake.Grant(session.User{ID: "user-x"}).User; got.PhoneNumber != user.PhoneNumber {
		t.Errorf("the fake replaced its user: %+v", got)
	}
	if got := fake.Grant(session.User{}).User; got.ID == "" {
		t.Error("a user without an ID")
	}
}
