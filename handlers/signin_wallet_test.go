package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

const (
	aWallet   = "0x00000000219ab540356cBB839Cbe05303d7705Fa"
	bWallet   = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"
	solWallet = "11111111111111111111111111111111"
)

func newWalletEnv(t testing.TB, config handlers.SignInConfig) *signInEnv {
	t.Helper()
	config.WalletTypes = []string{"ethereum", "solana"}
	return newSignInEnv(t, crossminttest.Config{InMemory: true}, config)
}

// startWallet returns the challenge for a wallet of Ethereum.
func (b *browser) startWallet(address string) (challenge string) {
	b.Helper()
	res, body := b.postForm("/wallet/start", "address", address, "type", "ethereum")
	var out struct{ Challenge string }
	if err := json.Unmarshal([]byte(body), &out); err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		b.Fatalf("start: %d %q, %v", res.StatusCode, body, err)
	}
	return out.Challenge
}

func (b *browser) finishWallet(address, signature string) formResponse {
	b.Helper()
	return b.submit("/wallet/finish", "address", address, "type", "ethereum", "signature", signature)
}

func TestWallet(t *testing.T) {
	env := newWalletEnv(t, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	if challenge := b.startWallet(aWallet); !strings.Contains(challenge, aWallet) {
		t.Errorf("challenge %q", challenge)
	}
	if diff := cmp.Diff(signedIn, b.finishWallet(aWallet, "0x01")); diff != "" {
		t.Errorf("finish (-want +got):\n%s", diff)
	}
	ethereumUser := b.get("/whoami")
	b.submit("/wallet/start", "address", solWallet, "type", "solana")
	want := redirectTo("/cart", "-signin", "refresh-token", "session")
	if diff := cmp.Diff(want, b.submit("/wallet/finish", "address", solWallet, "type", "solana", "signature", "s", "return_to", "/cart")); diff != "" {
		t.Errorf("solana (-want +got):\n%s", diff)
	}
	if got := b.get("/whoami"); got == "" || got == ethereumUser {
		t.Errorf("signed in as %q, before as %q", got, ethereumUser)
	}
}

func TestWalletStartErrors(t *testing.T) {
	tests := []struct {
		name, address, chain string
		fault                crossminttest.Fault
		status               int
		called               bool
	}{
		{name: "no address", chain: "ethereum", status: 400},
		{name: "no type", address: aWallet, status: 400},
		{name: "unknown type", address: aWallet, chain: "bitcoin", status: 400},
		{name: "short address", address: aWallet[:41], chain: "ethereum", status: 400},
		{name: "line feed", address: aWallet + "\n", chain: "ethereum", status: 400},
		{name: "not hexadecimal", address: aWallet[:41] + "g", chain: "ethereum", status: 400},
		{name: "address of the other type", address: aWallet, chain: "solana", status: 400},
		{name: "not base58", address: strings.Repeat("0", 32), chain: "solana", status: 400},
		{name: "refused", address: aWallet, chain: "ethereum", fault: crossminttest.Status(400, "", `{}`), status: 400, called: true},
		{name: "unavailable", address: aWallet, chain: "ethereum", fault: crossminttest.Reset(), status: 503, called: true},
		{name: "not an object", address: aWallet, chain: "ethereum", fault: crossminttest.Status(200, "", `"<script>"`), status: 503, called: true},
		{name: "upstream's limit", address: aWallet, chain: "ethereum", fault: crossminttest.Status(429, "", `{}`), status: 429, called: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newWalletEnv(t, handlers.SignInConfig{})
			if test.called {
				env.Fake.FailAlways(crossminttest.WalletStart, test.fault)
			}
			b := env.newInProcessBrowser(t)
			got := b.submit("/wallet/start", "address", test.address, "type", test.chain)
			if diff := cmp.Diff(formResponse{Status: test.status}, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if calls := env.Fake.Calls().WalletStart; calls > 0 != test.called {
				t.Errorf("%d calls of upstream", calls)
			}
		})
	}
}

// TestWalletLoginCSRF finishes with a wallet for which this browser has not started.
func TestWalletLoginCSRF(t *testing.T) {
	env := newWalletEnv(t, handlers.SignInConfig{OAuthProviders: []string{"google"}})
	attacker, victim := env.newInProcessBrowser(t), env.newInProcessBrowser(t)
	attacker.startWallet(aWallet)
	for name, prepare := range map[string]func(){
		"nothing pending":        func() {},
		"another wallet pending": func() { victim.startWallet(bWallet) },
		"a provider pending":     func() { victim.startOAuth() },
	} {
		prepare()
		if got := victim.finishWallet(aWallet, "0x01"); got.Location != "/signin?error=expired&lang=en" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := env.Fake.Calls().WalletFinish; got != 0 {
		t.Errorf("%d signatures reached upstream", got)
	}
	if got := attacker.finishWallet(aWallet, "0x01"); got != signedIn {
		t.Errorf("the browser that started: %+v", got)
	}
}

func TestWalletDoubleSubmit(t *testing.T) {
	env := newWalletEnv(t, handlers.SignInConfig{})
	b := env.newInProcessBrowser(t)
	b.startWallet(aWallet)
	tab := b.copyBrowser()
	var wg sync.WaitGroup
	for _, window := range []*browser{b, tab} {
		wg.Go(func() {
			if got := window.finishWallet(aWallet, "0x01"); got != signedIn {
				t.Errorf("at once: %+v", got)
			}
		})
	}
	wg.Wait()
	if got := b.finishWallet(aWallet, "0x01"); got != redirectTo("/") {
		t.Errorf("after the first response: %+v", got)
	}
	if calls := env.Fake.Calls(); calls.WalletFinish != 1 || calls.Refresh != 1 {
		t.Errorf("%d confirmations and %d exchanges", calls.WalletFinish, calls.Refresh)
	}
}

// TestWrongSignature submits signatures that upstream refuses, and those that it
// cannot decide about.
func TestWrongSignature(t *testing.T) {
	const wrong = "/signin?error=wallet&lang=en"
	synctest.Test(t, func(t *testing.T) {
		env := newWalletEnv(t, handlers.SignInConfig{})
		b := env.newInProcessBrowser(t)
		b.startWallet(aWallet)
		if got := b.finishWallet(aWallet, ""); got != redirectTo(wrong) || env.Fake.Calls().WalletFinish != 0 {
			t.Errorf("no signature: %+v", got)
		}
		env.Fake.FailAlways(crossminttest.WalletFinish, crossminttest.Reset())
		if got := b.finishWallet(aWallet, "0x01"); got != redirectTo("/signin?error=unavailable&lang=en") {
			t.Errorf("unavailable: %+v", got)
		}
		env.Fake.FailAlways(crossminttest.WalletFinish, crossminttest.Status(401, "", `{}`))
		for range 9 {
			if got := b.finishWallet(aWallet, "0x01"); got != redirectTo(wrong) {
				t.Errorf("refused: %+v", got)
			}
		}
		if got := b.finishWallet(aWallet, "0x01"); got != redirectTo("/signin?error=limit&lang=en") {
			t.Errorf("an eleventh form: %+v", got)
		}
		env.Fake.Heal()
		time.Sleep(time.Minute)
		b.startWallet(aWallet)
		if got := b.finishWallet(aWallet, "0x02"); got != signedIn {
			t.Errorf("a new start: %+v", got)
		}
	})
}
