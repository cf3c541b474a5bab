package crossminttest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func oneTimeSecret(t *testing.T, got response) string {
	t.Helper()
	var out struct{ OneTimeSecret string }
	decode(t, got.body, &out)
	return out.OneTimeSecret
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
		got := mustCall(t, fake, "GET", target.RequestURI(), "")
		if got.status != http.StatusOK || !strings.Contains(string(got.body), "authMaterialFromPopupCallback") {
			t.Errorf("%s: callback: status %d, want 200 and a page that sends the message", provider, got.status)
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
