package shop_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func TestCustomer(t *testing.T) {
	c := newCustomer(t)
	c.expect("GET", "/orders", 401, "No cookies found in request")
	user := c.signIn(nil)
	c.expect("GET", "/orders", 200, user.ID)
	c.expect("POST", "/refunds", 403, "")
}

func TestSupporter(t *testing.T) {
	c := newCustomer(t)
	c.signIn(map[string]any{"role": "support"})
	c.expect("POST", "/refunds", 202, "")
}

// TestLogout sends a copy of the cookies after the logout.
func TestLogout(t *testing.T) {
	c := newCustomer(t)
	user := c.signIn(nil)
	copied := c.browser.Jar.Cookies(c.site)
	c.expect("POST", "/logout", 204, "")
	c.expect("GET", "/orders", 401, "No cookies found in request")
	c.browser.Jar.SetCookies(c.site, copied)
	c.expect("GET", "/orders", 401, "Session is not valid")
	if n := c.fake.LiveOf(user.ID); n != 0 {
		t.Errorf("%d live sessions", n)
	}
}

func TestExpiredJWTIsRenewedUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCustomer(t)
		user := c.signIn(nil)
		c.expect("GET", "/orders", 200, user.ID)
		time.Sleep(2 * time.Hour)
		if res := c.expect("GET", "/orders", 200, user.ID); len(res.Cookies()) != 2 {
			t.Errorf("cookies: %v", res.Cookies())
		}
		c.expect("GET", "/orders", 200, user.ID)
		if n := c.fake.Calls().Refresh; n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// TestSignedOutElsewhere loses the cookies with the second refusal: upstream's first
// one may concern a token that another instance has just exchanged.
func TestSignedOutElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCustomer(t)
		c.fake.RevokeUser(c.signIn(nil).ID)
		c.expect("GET", "/orders", 200, "") // the JWT is still valid
		time.Sleep(2 * time.Hour)
		c.expect("GET", "/orders", 401, "Session is not valid") // after a redirect to the same place
		c.expect("POST", "/refunds", 401, "Session is not valid")
		if left := c.browser.Jar.Cookies(c.site); len(left) != 3 {
			t.Errorf("in the jar after the first refusal: %v", left)
		}
		time.Sleep(2 * time.Hour)
		c.expect("GET", "/orders", 401, "Session is not valid")
		if left := c.browser.Jar.Cookies(c.site); len(left) != 0 {
			t.Errorf("left in the jar: %v", left)
		}
	})
}

// TestSignedOutElsewhereBeforeAPost sends a request that cannot be redirected. The
// client has to send it again.
func TestSignedOutElsewhereBeforeAPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCustomer(t)
		c.fake.RevokeUser(c.signIn(nil).ID)
		time.Sleep(2 * time.Hour)
		if res := c.expect("POST", "/refunds", 503, "Please try again later"); res.Header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
		time.Sleep(time.Second)
		c.expect("POST", "/refunds", 401, "Session is not valid")
	})
}

func TestAwayForTwoMonths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCustomer(t)
		c.signIn(nil)
		time.Sleep(60 * 24 * time.Hour)
		c.expect("GET", "/orders", 401, "No cookies found in request")
	})
}

func TestCrossmintIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCustomer(t)
		user := c.signIn(nil)
		c.expect("GET", "/orders", 200, user.ID)
		c.fake.FailAlways(crossminttest.Any, crossminttest.Status(http.StatusBadGateway, "text/html", "<h1>Bad gateway</h1>"))
		c.expect("GET", "/orders", 200, user.ID)
		time.Sleep(2 * time.Hour)
		res := c.expect("GET", "/orders", 503, "Please try again later")
		if res.Header.Get("Retry-After") == "" || len(res.Cookies()) != 0 {
			t.Errorf("Retry-After %q, cookies %v", res.Header.Get("Retry-After"), res.Cookies())
		}
		c.fake.Heal()
		c.expect("GET", "/orders", 200, user.ID)
	})
}
