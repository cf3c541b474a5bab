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

const (
	ethereumAddress = "0xabc"
	solanaAddress   = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
)

func TestSignInByWallet(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	for chain, address := range map[string]string{"ethereum": ethereumAddress, "solana": solanaAddress} {
		if _, err := client.FinishWallet(t.Context(), address, chain, "0x01"); !errors.Is(err, session.ErrRefused) {
			t.Errorf("without a challenge: %v, want refused", err)
		}
		challenge, err := client.StartWallet(t.Context(), address, chain)
		var asked struct{ Challenge string }
		if err != nil || json.Unmarshal(challenge, &asked) != nil || !strings.Contains(asked.Challenge, address) {
			t.Fatalf("StartWallet = %s, %v", challenge, err)
		}
		once, err := client.FinishWallet(t.Context(), address, chain, "0x01")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Refresh(t.Context(), once); err != nil {
			t.Error(err)
		}
		if _, err := client.FinishWallet(t.Context(), address, chain, "0x01"); !errors.Is(err, session.ErrRefused) {
			t.Errorf("a second time: %v, want refused", err)
		}
	}
}

func TestWalletSendsRequests(t *testing.T) {
	u := newUpstream(t, respond(200, "application/json", `{"challenge":{"any":["form"]},"oneTimeSecret":"once"}`))
	challenge, err := u.client.StartWallet(t.Context(), solanaAddress, "solana")
	if err != nil || string(challenge) != `{"challenge":{"any":["form"]},"oneTimeSecret":"once"}` {
		t.Errorf("StartWallet = %s, %v", challenge, err)
	}
	once, err := u.client.FinishWallet(t.Context(), solanaAddress, "solana", "s&i\"g")
	if err != nil || once.Reveal() != "once" {
		t.Errorf("FinishWallet = %q, %v", once.Reveal(), err)
	}
	requests, bodies := u.arrived()
	const path = authPath + "/crypto_wallets/authenticate"
	finish := path + "?" + url.Values{"signinAuthenticationMethod": {"solana"}, "callbackUrl": {u.URL + authPath + "/callback"}}.Encode()
	want := []string{
		"POST " + path + `/start {"walletAddress":"` + solanaAddress + `","walletType":"solana"}`,
		"POST " + finish + ` {"signature":"s\u0026i\"g","walletAddress":"` + solanaAddress + `"}`,
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
	for name, test := range map[string]struct{ address, chain string }{
		"empty":         {address: "", chain: ""},
		"no address":    {address: "", chain: "solana"},
		"no chain":      {address: "0xabc", chain: ""},
		"another chain": {address: "0xabc", chain: "evm"},
		"a space":       {address: "0x abc", chain: "ethereum"},
		"a line feed":   {address: "0xabc\n", chain: "ethereum"},
		"other letters": {address: "0xé", chain: "ethereum"},
		"too long":      {address: strings.Repeat("a", 129), chain: "ethereum"},
	} {
		if _, err := u.client.StartWallet(t.Context(), test.address, test.chain); !errors.Is(err, crossmint.ErrInvalidArgument) {
			t.Errorf("%s: StartWallet: %v", name, err)
		}
		if once, err := u.client.FinishWallet(t.Context(), test.address, test.chain, "s"); !errors.Is(err, crossmint.ErrInvalidArgument) || !once.IsZero() {
			t.Errorf("%s: FinishWallet: %v", name, err)
		}
	}
	for _, signature := range []string{"", strings.Repeat("a", 16<<10+1)} {
		if _, err := u.client.FinishWallet(t.Context(), ethereumAddress, "ethereum", signature); !errors.Is(err, crossmint.ErrInvalidArgument) {
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
		challenge, err := u.client.StartWallet(t.Context(), ethereumAddress, "ethereum")
		if !errors.Is(err, session.ErrMalformed) || challenge != nil || strings.Contains(printedForms(t, err), canary) {
			t.Errorf("%s: StartWallet = %s, %v, want malformed", name, challenge, err)
		}
		once, err := u.client.FinishWallet(t.Context(), ethereumAddress, "ethereum", canary)
		if !errors.Is(err, session.ErrMalformed) || !once.IsZero() || strings.Contains(printedForms(t, err), canary) {
			t.Errorf("%s: FinishWallet = %q, %v, want malformed", name, once.Reveal(), err)
		}
	}
	for name, body := range map[string]string{"no member": `{}`, "null": `{"oneTimeSecret":null}`, "a number": `{"oneTimeSecret":1}`, "empty": `{"oneTimeSecret":""}`} {
		u := newUpstream(t, respond(200, "application/json", body))
		if once, err := u.client.FinishWallet(t.Context(), ethereumAddress, "ethereum", "s"); !errors.Is(err, session.ErrMalformed) || !once.IsZero() {
			t.Errorf("%s: FinishWallet = %q, %v, want malformed", name, once.Reveal(), err)
		}
	}
}

func TestWalletErrorsHoldNoSecrets(t *testing.T) {
	for _, status := range []int{302, 400, 401, 403, 404, 429, 500, 503} {
		u := newUpstream(t, respond(status, "application/json", `{"message":"`+canary+`"}`))
		_, started := u.client.StartWallet(t.Context(), canary, "ethereum")
		_, finished := u.client.FinishWallet(t.Context(), canary, "ethereum", canary)
		for _, err := range []error{started, finished} {
			if err == nil || strings.Contains(printedForms(t, err), canary) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
}
