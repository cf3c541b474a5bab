package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newFake(t *testing.T) *crossminttest.Server {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

// diagnose returns the output and the status of the command.
func diagnose(t *testing.T, config crossmint.Config, stdin string, args ...string) (output string, status int) {
	t.Helper()
	var out bytes.Buffer
	status = run(t.Context(), args, config, strings.NewReader(stdin), &out, &out)
	return out.String(), status
}

// wantReport checks the status and that each of the wanted strings is in one line of
// the output, in their order.
func wantReport(t *testing.T, output string, status, wantStatus int, want ...string) {
	t.Helper()
	if status != wantStatus {
		t.Errorf("status %d, want %d", status, wantStatus)
	}
	lines := strings.Split(output, "\n")
	for _, part := range want {
		for len(lines) > 0 && !strings.Contains(lines[0], part) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			t.Fatalf("no line with %q in\n%s", part, output)
		}
	}
}

func TestNothingWrong(t *testing.T) {
	fake := newFake(t)
	ada := fake.NewUser("ada@example.com")
	output, status := diagnose(t, fake.Config(), fake.JWT(ada)+"\n", "-jwt", "-environment=staging")
	wantReport(t, output, status, 0, "ok     API key  environment staging, project "+fake.ProjectID(),
		"ok     key set  "+fake.URL()+"/.well-known/jwks.json: kid \"xmint-", "RS256", "ok     clock", `ok     JWT      accepted: user "`+ada.ID+`", for `)
	if fake.Calls().JWKS != 1 {
		t.Errorf("%d fetches of the keys, want 1", fake.Calls().JWKS)
	}
}

func TestWrongConfig(t *testing.T) {
	fake := newFake(t)
	key := fake.APIKey()
	tests := []struct {
		name string
		key  string
		args []string
		want []string
	}{
		{name: "no key", want: []string{"WRONG  config   Malformed API key. Must start with 'ck' or 'sk'. (the value is empty"}},
		{name: "a line feed", key: key + "\n", want: []string{"WRONG  config   Invalid API key. Failed to validate signature (the value has a line feed behind the key)"}},
		{name: "a client key", key: fake.ClientKey(), want: []string{"WRONG  config   Disallowed API key. You passed a client API key"}},
		{name: "another environment", key: key, args: []string{"-environment=production"}, want: []string{"WRONG  config   Disallowed API key. You passed a staging"}},
		{name: "an unknown one", key: key, args: []string{"-environment=prod"}, want: []string{"WRONG  config   crossmint: RequireEnvironment: \"prod\" is not an environment"}},
		{name: "a base URL without https", key: key, args: []string{"-base-url=http://example.com"}, want: []string{"WRONG  config   crossmint: BaseURL: plain http"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := fake.Config()
			config.APIKey = session.NewSecret(test.key)
			output, status := diagnose(t, config, "", test.args...)
			wantReport(t, output, status, 1, test.want...)
			if strings.Contains(output, key[len(key)-20:]) {
				t.Errorf("the output holds a part of the key:\n%s", output)
			}
		})
	}
	t.Run("a client key that is accepted", func(t *testing.T) {
		config := fake.Config()
		config.APIKey = session.NewSecret(fake.ClientKey())
		output, status := diagnose(t, config, "", "-client-key")
		wantReport(t, output, status, 0, "ok     API key")
	})
}

func TestWrongKeySet(t *testing.T) {
	fake := newFake(t)
	t.Run("a damaged key", func(t *testing.T) {
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(fake.JWKS(), &set); err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, map[string]any{"kty": "RSA", "kid": "damaged", "n": "AQ", "e": "AQAB"})
		raw, _ := json.Marshal(map[string]any{"keys": set.Keys})
		fake.SetJWKS(raw)
		defer fake.SetJWKS(nil)
		output, status := diagnose(t, fake.Config(), "")
		wantReport(t, output, status, 1, "ok     key set", "WRONG  key set  key 1 of the set: left out: RSA key with 1 bits")
	})
	t.Run("a page", func(t *testing.T) {
		fake.Fail(crossminttest.JWKS, crossminttest.Status(http.StatusNotFound, "text/html", "<h1>Not Found</h1>"))
		output, status := diagnose(t, fake.Config(), "")
		wantReport(t, output, status, 1, "WRONG  key set  GET "+fake.URL()+"/.well-known/jwks.json: ", "ok     clock")
	})
	t.Run("nothing listens", func(t *testing.T) {
		output, status := diagnose(t, fake.Config(), "", "-base-url=http://127.0.0.1:1")
		wantReport(t, output, status, 1, "WRONG  key set  GET http://127.0.0.1:1/.well-known/jwks.json: ", "note   clock")
	})
}

func TestWrongClock(t *testing.T) {
	fake := newFake(t)
	fake.Fail(crossminttest.JWKS, crossminttest.Fault{}.With("Date", time.Now().Add(3*time.Hour).UTC().Format(http.TimeFormat)))
	output, status := diagnose(t, fake.Config(), "")
	wantReport(t, output, status, 1, "WRONG  clock    this machine's clock (")
	wantReport(t, output, status, 1, "behind upstream's (")
}

func TestRefusedJWT(t *testing.T) {
	fake := newFake(t)
	ada := fake.NewUser("")
	unknownKid := fake.Sign(ada, map[string]any{"kid": "k-9"}, nil)
	tests := []struct{ name, stdin, want string }{
		{name: "nothing", stdin: "", want: "standard input has no JWT"},
		{name: "a header", stdin: "Bearer " + fake.JWT(ada), want: "the line has more than a JWT"},
		{name: "a cookie", stdin: "crossmint-jwt=" + fake.JWT(ada), want: "the line has more than a JWT"},
		{name: "another word", stdin: "hello", want: "refused: JWT invalid: token is not in the compact form"},
		{name: "expired", stdin: fake.ExpiredJWT(ada), want: "refused: it expired 1m"},
		{name: "of another project", stdin: fake.ForeignJWT(ada), want: `", expected "` + fake.ProjectID() + `"; sign in with a client key of project`},
		{name: "forged", stdin: fake.ForgedJWT(ada), want: "signature is invalid"},
		{name: "of an unknown key", stdin: unknownKid, want: `token's kid is "k-9"; it may come from another environment`},
		{name: "not valid yet", stdin: fake.Sign(ada, nil, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), want: "not valid yet: its nbf is"},
		{name: "without a user", stdin: fake.Sign(ada, nil, map[string]any{"sub": nil}), want: "sub is missing"},
		{name: "endless", stdin: strings.Repeat("a", 1<<20), want: "token is too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			output, status := diagnose(t, fake.Config(), test.stdin, "-jwt")
			wantReport(t, output, status, 1, "WRONG  JWT      ")
			if last := output[strings.Index(output, "WRONG"):]; !strings.Contains(last, test.want) {
				t.Errorf("%q lacks %q", last, test.want)
			}
			if len(test.stdin) > 100 && strings.Contains(output, test.stdin[len(test.stdin)-40:]) {
				t.Errorf("the output holds a part of the JWT:\n%s", output)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	fake := newFake(t)
	for name, test := range map[string]struct {
		args   []string
		status int
	}{
		"help": {[]string{"-h"}, 0}, "an unknown flag": {[]string{"-x"}, 2}, "the key as an argument": {[]string{fake.APIKey()}, 2},
	} {
		output, status := diagnose(t, fake.Config(), "", test.args...)
		if status != test.status || strings.Contains(output, fake.APIKey()) {
			t.Errorf("%s: status %d, want %d, without the key:\n%s", name, status, test.status, output)
		}
	}
}
