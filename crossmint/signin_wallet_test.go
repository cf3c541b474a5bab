package crossmint_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

var (
	ethereum = crossmint.Wallet{Address: "0xabc", Type: "ethereum"}
	solana   = crossmint.Wallet{Address: "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU", Type: "solana"}
)

func TestSignInByWallet(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	for _, wallet := range []crossmint.Wallet{ethereum, solana} {
		if _, err := client.FinishWallet(t.Context(), wallet, "0x01"); !errors.Is(err, session.ErrRefused) {
			t.Errorf("without a challenge: %v, want refused", err)
		}
		challenge, err := client.StartWallet(t.Context(), wallet)
		var asked struct{ Challenge string }
		if err != nil || json.Unmarshal(challenge, &asked) != nil || !strings.Contains(asked.Challenge, wallet.Address) {
			t.Fatalf("StartWallet = %s, %v", challenge, err)
		}
		once, err := client.FinishWallet(t.Context(), wallet, "0x01")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Refresh(t.Context(), once); err != nil {
			t.Error(err)
		}
		if _, err := client.FinishWallet(t.Context(), wallet, "0x01"); !errors.Is(err, session.ErrRefused) {
			t.Errorf("a second time: %v, want refused", err)
		}
	}
}

func TestWalletSendsRequests(t *testing.T) {
	u := newUpstream(t, respond(200, "application/json", `{"challenge":{"any":["form"]},"oneTimeSecret":"once"}`))
	challenge, err := u.client.StartWallet(t.Context(), solana)
	if err != nil || string(challenge) != `{"challenge":{"any":["form"]},"oneTimeSecret":"once"}` {
		t.Errorf("StartWallet = %s, %v", challenge, err)
	}
	once, err := u.client.FinishWallet(t.Context(), solana, "s&i\"g")
	if err != nil || once.Reveal() != "once" {
		t.Errorf("FinishWallet = %q, %v", once.Reveal(), err)
	}
	requests, bodies := u.arrived()
	const path = authPath + "/crypto_wallets/authenticate"
	finish := path + "?" + url.Values{"signinAuthenticationMethod": {"solana"}, "callbackUrl": {u.URL + authPath + "/callback"}}.Encode()
	want := []string{
		"POST " + path + `/start {"walletAddress":"` + solana.Address + `","walletType":"solana"}`,
		"POST " + finish + ` {"signature":"s\u0026i\"g","walletAddress":"` + solana.Address + `"}`,
	}
	var got []string
	for i, r := range requests {
		got = append(got, r.Method+" "+r.RequestURI+" "+bodies[i])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestWalletRejectsArguments(t *testing.T) {
	u := newUpstream(t, respond(200, "application/json", `{"oneTimeSecret":"once"}`))
	type try struct {
		wallet    crossmint.Wallet
		signature string
	}
	for name, test := range map[string]try{
		"zero": {wallet: crossmint.Wallet{}, signature: "s"}, "no address": {wallet: crossmint.Wallet{Type: "solana"}, signature: "s"}, "no type": {wallet: crossmint.Wallet{Address: "0xabc"}, signature: "s"},
		"another type": {wallet: crossmint.Wallet{Address: "0xabc", Type: "evm"}, signature: "s"}, "a space": {wallet: crossmint.Wallet{Address: "0x abc", Type: "ethereum"}, signature: "s"},
		"a line feed": {wallet: crossmint.Wallet{Address: "0xabc\n", Type: "ethereum"}, signature: "s"}, "other letters": {wallet: crossmint.Wallet{Address: "0xé", Type: "ethereum"}, signature: "s"},
		"too long": {wallet: crossmint.Wallet{Address: strings.Repeat("a", 129), Type: "ethereum"}, signature: "s"},
	} {
		if _, err := u.client.StartWallet(t.Context(), test.wallet); !errors.Is(err, crossmint.ErrInvalidArgument) {
			t.Errorf("%s: StartWallet: %v", name, err)
		}
		if once, err := u.client.FinishWallet(t.Context(), test.wallet, test.signature); !errors.Is(err, crossmint.ErrInvalidArgument) || !once.IsZero() {
			t.Errorf("%s: FinishWallet: %v", name, err)
		}
	}
	for _, signature := range []string{"", strings.Repeat("a", 16<<10+1)} {
		if _, err := u.client.FinishWallet(t.Context(), ethereum, signature); !errors.Is(err, crossmint.ErrInvalidArgument) {
			t.Errorf("a signature of %d bytes: %v", len(signature), err)
		}
	}
	if requests, _ := u.arrived(); len(requests) != 0 {
		t.Errorf("%d calls were made", len(requests))
	}
}

func TestWalletMalformedResponses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html>", "a list": `[{}]`, "a text": `"` + canary + `"`, "two objects": "{}{}", "a member twice": `{"a":1,"a":2,"oneTimeSecret":"a"}`,
	} {
		u := newUpstream(t, respond(200, "application/json", body))
		challenge, err := u.client.StartWallet(t.Context(), ethereum)
		if !errors.Is(err, session.ErrMalformed) || challenge != nil || strings.Contains(printedForms(t, err), canary) {
			t.Errorf("%s: StartWallet = %s, %v, want malformed", name, challenge, err)
		}
		once, err := u.client.FinishWallet(t.Context(), ethereum, canary)
		if !errors.Is(err, session.ErrMalformed) || !once.IsZero() || strings.Contains(printedForms(t, err), canary) {
			t.Errorf("%s: FinishWallet = %q, %v, want malformed", name, once.Reveal(), err)
		}
	}
	for name, body := range map[string]string{"no member": `{}`, "null": `{"oneTimeSecret":null}`, "a number": `{"oneTimeSecret":1}`, "empty": `{"oneTimeSecret":""}`} {
		u := newUpstream(t, respond(200, "application/json", body))
		if once, err := u.client.FinishWallet(t.Context(), ethereum, "s"); !errors.Is(err, session.ErrMalformed) || !once.IsZero() {
			t.Errorf("%s: FinishWallet = %q, %v, want malformed", name, once.Reveal(), err)
		}
	}
}

func TestWalletErrorsHoldNoSecrets(t *testing.T) {
	wallet := crossmint.Wallet{Address: canary, Type: "ethereum"}
	for _, status := range []int{302, 400, 401, 403, 404, 429, 500, 503} {
		u := newUpstream(t, respond(status, "application/json", `{"message":"`+canary+`"}`))
		_, started := u.client.StartWallet(t.Context(), wallet)
		_, finished := u.client.FinishWallet(t.Context(), wallet, canary)
		for _, err := range []error{started, finished} {
			if err == nil || strings.Contains(printedForms(t, err), canary) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
}
