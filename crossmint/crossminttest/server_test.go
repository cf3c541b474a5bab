package crossminttest_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mr-tron/base58"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func TestConfigReportsAllFaults(t *testing.T) {
	_, err := crossminttest.New(crossminttest.Config{
		ProjectID: "a.b", Environment: "live", Algorithm: "none", JWTLifetime: -1,
		Reuse: 9, InMemory: true, Addr: "127.0.0.1:0",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"ProjectID", "Environment", "Algorithm", "duration", "ReusePolicy", "Addr"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestAddrTaken(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	if _, err := crossminttest.New(crossminttest.Config{Addr: strings.TrimPrefix(fake.URL(), "http://")}); err == nil {
		t.Error("no error")
	}
}

func TestAPIKeys(t *testing.T) {
	fake := start(t, crossminttest.Config{ProjectID: "11111111-2222-4333-8444-555555555555", Environment: crossmint.Production})
	config := fake.Config()
	keys := map[string]string{"sk": fake.APIKey(), "ck": fake.ClientKey()}
	if config.APIKey.Reveal() != fake.APIKey() {
		t.Error("Config has another key than APIKey")
	}
	for prefix, key := range keys {
		encoded, ok := strings.CutPrefix(key, prefix+"_production_")
		if !ok {
			t.Fatalf("key %q does not start with its type and environment", key)
		}
		decoded, err := base58.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		data, sig, ok := strings.Cut(string(decoded), ":")
		if project, _, _ := strings.Cut(data, "."); !ok || project != fake.ProjectID() {
			t.Errorf("the key is of project %q, want %q", project, fake.ProjectID())
		}
		signature, err := base58.Decode(sig)
		if err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(config.APIKeyVerifiers[crossmint.Production], []byte(prefix+"_production."+data), signature) {
			t.Errorf("%s: the signature is wrong", prefix)
		}
	}
}

func TestAPIKeyIsRequired(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	other := start(t, crossminttest.Config{})
	revoked := fake.MintAPIKey("sk", crossmint.Staging, fake.ProjectID())
	fake.RevokeAPIKey(revoked)
	keys := map[string]string{
		"none":               "",
		"another fake's":     other.APIKey(),
		"other project's":    fake.MintAPIKey("sk", crossmint.Staging, "elsewhere"),
		"other environment":  fake.MintAPIKey("sk", crossmint.Production, fake.ProjectID()),
		"revoked":            revoked,
		"another key's tail": fake.APIKey() + "x",
	}
	for name, key := range keys {
		got, err := callWith(t, fake, key, "POST", authPath+"/refresh", tokenBody("x"))
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"error":true,"message":"Malformed API key"}`; got.status != http.StatusForbidden || string(got.body) != want {
			t.Errorf("%s: %d %s, want 403 %s", name, got.status, got.body, want)
		}
	}
	minted := fake.MintAPIKey("sk", crossmint.Staging, fake.ProjectID())
	if got, err := callWith(t, fake, minted, "POST", authPath+"/refresh", tokenBody("x")); err != nil || got.status != http.StatusUnauthorized {
		t.Errorf("a minted key: status %d, error %v, want 401", got.status, err)
	}
}

func TestUser(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("ada@example.com")
	const path = "/api/2024-09-26/sdk/auth/user/"
	got := mustCall(t, fake, "GET", path+user.ID, "")
	if want := `{"id":"` + user.ID + `","email":"ada@example.com"}`; got.status != http.StatusOK || string(got.body) != want {
		t.Errorf("%d %s, want 200 %s", got.status, got.body, want)
	}
	if got := mustCall(t, fake, "GET", path+"unknown", ""); got.status != http.StatusNotFound {
		t.Errorf("unknown user: status %d, want 404", got.status)
	}
	if got, err := callWith(t, fake, fake.ClientKey(), "GET", path+user.ID, ""); err != nil || got.status != http.StatusForbidden {
		t.Errorf("client key: status %d, error %v, want 403", got.status, err)
	}
}

func TestCalls(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	if got, want := fake.Calls(), (crossminttest.Calls{}); got != want {
		t.Errorf("before any: %+v", got)
	}
	for _, c := range []struct{ method, path string }{
		{method: "POST", path: authPath + "/refresh"}, {method: "POST", path: authPath + "/refresh"}, {method: "OPTIONS", path: authPath + "/refresh"},
		{method: "POST", path: authPath + "/logout"},
		{method: "GET", path: "/.well-known/jwks.json"},
		{method: "GET", path: "/api/2024-09-26/sdk/auth/user/x"},
		{method: "POST", path: authPath + "/otps/send"},
		{method: "POST", path: authPath + "/authenticate"},
		{method: "GET", path: authPath + "/social/google/start"},
		{method: "POST", path: authPath + "/crypto_wallets/authenticate/start"},
		{method: "POST", path: authPath + "/crypto_wallets/authenticate"},
		{method: "GET", path: "/elsewhere"},
	} {
		mustCall(t, fake, c.method, c.path, "")
	}
	want := crossminttest.Calls{
		Refresh: 2, Logout: 1, JWKS: 1, User: 1, SendOTP: 1, ConfirmOTP: 1, Social: 1, WalletStart: 1, WalletFinish: 1,
	}
	if got := fake.Calls(); got != want {
		t.Errorf("calls = %+v, want %+v", got, want)
	}
}

func TestPreflight(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	r, _ := http.NewRequestWithContext(t.Context(), "OPTIONS", fake.URL()+authPath+"/otps/send", nil)
	r.Header.Set("Origin", "https://shop.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "content-type,x-api-key")
	res, err := fake.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	want := map[string]string{
		"Access-Control-Allow-Origin":  "*",
		"Access-Control-Allow-Headers": "content-type,x-api-key",
		"Access-Control-Allow-Methods": "GET, POST, OPTIONS",
	}
	for name, value := range want {
		if got := res.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("status %d, want 204", res.StatusCode)
	}
	if got := mustCall(t, fake, "POST", authPath+"/refresh", tokenBody("x")); got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("an error response cannot be read across origins")
	}
}

func TestJWTExpiresInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := start(t, crossminttest.Config{InMemory: true, JWTLifetime: time.Hour, Algorithm: "RS256"})
		grant := fake.Grant(fake.NewUser("ada@example.com"))
		expires := time.Unix(int64(claimsOf(t, grant.JWT.Reveal())["exp"].(float64)), 0)

		time.Sleep(time.Hour)

		if time.Now().Before(expires) {
			t.Error("the JWT has not expired after an hour")
		}
		renewed := mustRefresh(t, fake, grant.RefreshToken.Secret.Reveal())
		if exp := int64(claimsOf(t, renewed.JWT)["exp"].(float64)); exp != expires.Add(time.Hour).Unix() {
			t.Errorf("the renewed JWT expires at %d, want an hour later than %d", exp, expires.Unix())
		}
	})
}

func TestInMemoryServesAnyHost(t *testing.T) {
	fake := start(t, crossminttest.Config{InMemory: true})
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://staging.crossmint.com/.well-known/jwks.json", nil)
	res, err := fake.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestDownAndUp(t *testing.T) {
	for name, config := range map[string]crossminttest.Config{"socket": {}, "memory": {InMemory: true}} {
		t.Run(name, func(t *testing.T) {
			fake := start(t, config)
			url, secret := fake.URL(), fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
			mustCall(t, fake, "GET", "/.well-known/jwks.json", "") // leaves an idle connection

			fake.Down()
			if _, err := call(t, fake, "POST", authPath+"/refresh", tokenBody(secret)); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("error %v, want ECONNREFUSED", err)
			}
			if err := fake.Up(); err != nil {
				t.Fatal(err)
			}
			if fake.URL() != url {
				t.Errorf("URL = %s, was %s", fake.URL(), url)
			}
			mustRefresh(t, fake, secret)
		})
	}
}

func TestClose(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	mustCall(t, fake, "GET", "/.well-known/jwks.json", "")
	fake.Close()
	fake.Close()
	fake.Down()
	if err := fake.Up(); err == nil {
		t.Error("Up after Close: no error")
	}
	if _, err := call(t, fake, "GET", "/.well-known/jwks.json", ""); err == nil {
		t.Error("a closed fake responds")
	}
}
