package crossminttest_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// sendCode has a code sent and returns the e-mail's ID.
func sendCode(t *testing.T, fake *crossminttest.Server, email string) string {
	t.Helper()
	var sent struct{ EmailID string }
	decode(t, mustCall(t, fake, "POST", authPath+"/otps/send", `{"email":"`+email+`"}`).body, &sent)
	return sent.EmailID
}

// confirm returns the status and, for 200, the one-time secret.
func confirm(t *testing.T, fake *crossminttest.Server, email, emailID, code string) (int, string) {
	t.Helper()
	query := url.Values{
		"email": {email}, "signinAuthenticationMethod": {"email"}, "token": {code}, "locale": {"en"},
		"state": {emailID}, "callbackUrl": {fake.URL() + authPath + "/callback"},
	}
	got := mustCall(t, fake, "POST", authPath+"/authenticate?"+query.Encode(), "")
	return got.status, oneTimeSecret(t, got)
}

func oneTimeSecret(t *testing.T, got answer) string {
	t.Helper()
	var out struct{ OneTimeSecret string }
	decode(t, got.body, &out)
	return out.OneTimeSecret
}

func TestEmailCode(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	if code := fake.Code("ada@example.com"); code != "" {
		t.Errorf("code before one was sent: %q", code)
	}
	emailID := sendCode(t, fake, "Ada@example.com")
	code := fake.Code("ada@example.com")
	if !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
		t.Fatalf("code = %q, want six digits", code)
	}

	status, secret := confirm(t, fake, "ada@example.com", emailID, code)
	if status != http.StatusOK {
		t.Fatalf("status %d, want 200", status)
	}
	got := mustRefresh(t, fake, secret)
	if want := fake.NewUser("ADA@example.com"); got.User.ID != want.ID || got.User.Email != want.Email {
		t.Errorf("user = %+v, want %+v", got.User, want)
	}
	if status, _ := confirm(t, fake, "ada@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("the same code again: status %d, want 401", status)
	}
}

func TestEmailCodeWrong(t *testing.T) {
	fake := start(t, crossminttest.Config{InMemory: true})
	emailID, otherID := sendCode(t, fake, "ada@example.com"), sendCode(t, fake, "bob@example.com")
	code := fake.Code("ada@example.com")
	if status, _ := confirm(t, fake, "bob@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("somebody else's address: status %d, want 401", status)
	}
	for range 5 {
		if status, _ := confirm(t, fake, "ada@example.com", emailID, "no"); status != http.StatusUnauthorized {
			t.Errorf("wrong code: status %d, want 401", status)
		}
	}
	if status, _ := confirm(t, fake, "ada@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("right code after five wrong ones: status %d, want 401", status)
	}
	if status, _ := confirm(t, fake, "bob@example.com", otherID, fake.Code("bob@example.com")); status != http.StatusOK {
		t.Errorf("another user's code: status %d, want 200", status)
	}
}

func TestEmailCodeExpires(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		emailID := sendCode(t, fake, "ada@example.com")
		time.Sleep(10 * time.Minute)
		if status, _ := confirm(t, fake, "ada@example.com", emailID, fake.Code("ada@example.com")); status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", status)
		}
	})
}

func TestSocial(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	for _, provider := range []string{"google", "twitter"} {
		var started struct{ OauthURL string }
		decode(t, mustCall(t, fake, "GET", authPath+"/social/"+provider+"/start?appSchema=app", "").body, &started)
		target, err := url.Parse(started.OauthURL)
		if err != nil {
			t.Fatal(err)
		}
		mustRefresh(t, fake, target.Query().Get("oneTimeSecret"))
		if got := mustCall(t, fake, "GET", target.RequestURI(), ""); got.status != http.StatusOK {
			t.Errorf("%s: callback: status %d, want 200", provider, got.status)
		}
	}
	if got := mustCall(t, fake, "GET", authPath+"/social/myspace/start", ""); got.status != http.StatusNotFound {
		t.Errorf("unknown provider: status %d, want 404", got.status)
	}
}

func TestWallet(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	const (
		path   = authPath + "/crypto_wallets/authenticate"
		finish = path + "?signinAuthenticationMethod=evm&callbackUrl=x"
		signed = `{"walletAddress":"0xabc","signature":"0x01"}`
	)
	if got := mustCall(t, fake, "POST", finish, signed); got.status != http.StatusUnauthorized {
		t.Errorf("without a challenge: status %d, want 401", got.status)
	}
	start := mustCall(t, fake, "POST", path+"/start", `{"walletAddress":"0xabc","walletType":"ethereum"}`)
	if start.status != http.StatusOK {
		t.Fatalf("start: status %d, want 200", start.status)
	}
	if got := mustCall(t, fake, "POST", finish, `{"walletAddress":"0xabc","signature":""}`); got.status != http.StatusUnauthorized {
		t.Errorf("without a signature: status %d, want 401", got.status)
	}
	mustRefresh(t, fake, oneTimeSecret(t, mustCall(t, fake, "POST", finish, signed)))
	if got := mustCall(t, fake, "POST", finish, signed); got.status != http.StatusUnauthorized {
		t.Errorf("a second time: status %d, want 401", got.status)
	}
}

func TestSignInFillsAJar(t *testing.T) {
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

func TestGrantTakesUnknownUsers(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := session.User{ID: "somebody", PhoneNumber: "+15550100"}
	if got := fake.Grant(user).User; got.PhoneNumber != user.PhoneNumber {
		t.Errorf("user = %+v, want %+v", got, user)
	}
	if got := fake.Grant(session.User{ID: "somebody"}).User; got.PhoneNumber != user.PhoneNumber {
		t.Errorf("the fake forgot what it knew: %+v", got)
	}
	if got := fake.Grant(session.User{}).User; got.ID == "" {
		t.Error("a user without an ID")
	}
}
