package session_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// holder is a struct of a program. fmt calls no methods on its unexported fields.
type holder struct {
	Public   session.Secret
	private  session.Secret
	pointer  *session.Secret
	session  *session.AuthSession
	grant    session.Grant
	material session.Material
	renewal  *session.Renewal
	result   session.Result
	list     []session.Secret
	byName   map[string]session.Secret
	context  context.Context
}

// outerHolder has a holder in its own unexported fields.
type outerHolder struct {
	holder
	inner    holder
	pointer  *holder
	anything any
}

func TestSecretsDoNotPrint(t *testing.T) {
	secret := session.NewSecret(canary)
	auth := session.AuthSession{UserID: "u", JWT: secret, RefreshToken: session.RefreshToken{Secret: secret}}
	grant := session.Grant{JWT: secret, RefreshToken: session.RefreshToken{Secret: secret}}
	material := session.Material{JWT: secret, RefreshToken: secret, Others: []session.Pair{{JWT: secret, RefreshToken: secret}}}
	renewal := session.Renewal{Grant: &grant, Used: session.Pair{JWT: secret, RefreshToken: secret}}
	result := session.Result{Session: &auth, Renewed: &renewal}
	ctx := session.NewContext(t.Context(), &auth)
	inner := holder{
		secret, secret, &secret, &auth, grant, material, &renewal, result, []session.Secret{secret}, map[string]session.Secret{"k": secret}, ctx,
	}
	outer := outerHolder{inner, inner, &inner, inner}
	token := &session.Token{JWT: secret}
	values := map[string]any{
		"Secret": secret, "*Secret": &secret, "AuthSession": auth, "*AuthSession": &auth, "Grant": grant, "*Grant": &grant,
		"RefreshToken": auth.RefreshToken, "Material": material, "*Material": &material, "Renewal": renewal, "Result": result, "*Token": token,
		"a program's struct": inner, "a pointer to it": &inner, "a struct around it": outer, "a pointer to that": &outer,
		"a slice": []session.Secret{secret}, "a map": map[string]session.Secret{"k": secret}, "a map's key": map[session.Secret]int{secret: 1},
		"a context": ctx, "a request": httptest.NewRequest("GET", "/", nil).WithContext(ctx),
		"an error": &session.UpstreamError{Op: "refresh", Err: fmt.Errorf("about %v", secret)},
	}
	for name, value := range values {
		printed := testkit.Formats(value)
		for form, text := range map[string]string{
			"text": canary, "lower hex": fmt.Sprintf("%x", canary), "upper hex": fmt.Sprintf("%X", canary),
			"bytes": strings.Trim(fmt.Sprint([]byte(canary)), "[]"), //nolint:staticcheck // QF1010: the numbers are meant
		} {
			if strings.Contains(printed, text) {
				t.Errorf("%s prints the secret as %s:\n%s", name, form, printed)
			}
		}
	}
}

func TestSecretMarshals(t *testing.T) {
	value := struct {
		XMLName xml.Name       `json:"-" xml:"v"`
		Element session.Secret `json:"e" xml:"e"`
		Attr    session.Secret `json:"a" xml:"a,attr"`
	}{Element: session.NewSecret(canary), Attr: session.NewSecret(canary)}
	asJSON, err := json.Marshal(value)
	if want := `{"e":"[redacted]","a":"[redacted]"}`; err != nil || string(asJSON) != want {
		t.Errorf("JSON: %s, %v; want %s", asJSON, err, want)
	}
	asXML, err := xml.Marshal(value)
	if want := `<v a="[redacted]"><e>[redacted]</e></v>`; err != nil || string(asXML) != want {
		t.Errorf("XML: %s, %v; want %s", asXML, err, want)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%08x", "%c", "%U"} {
		if got := fmt.Sprintf(verb, value.Element); got != "[redacted]" {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestSecret(t *testing.T) {
	a, b := session.NewSecret("a"), session.NewSecret(strings.Clone("a"))
	if a.Reveal() != "a" || a.IsZero() || !a.Equal(b) || a.Equal(session.NewSecret("b")) || a.Equal(session.NewSecret("aa")) || a.Equal(session.Secret{}) {
		t.Error("Reveal, IsZero or Equal is wrong")
	}
	if zero := (session.Secret{}); !zero.IsZero() || zero.Reveal() != "" || !zero.Equal(session.NewSecret("")) || zero != session.NewSecret("") {
		t.Error("the zero value is not the empty secret")
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("equal secrets differ: %s", diff)
	}
	long := strings.Repeat("x", 10_000)
	if session.NewSecret(long[:5000]).Reveal() != long[:5000] {
		t.Error("a part of a string is not revealed as it was")
	}
}

// managerHolder is a struct of a program with values that a manager returns.
type managerHolder struct {
	manager *session.Manager
	events  []event.Event
	health  session.Health
	result  session.Result
	err     error
}

// A manager caches tokens. Neither it nor its events, errors and results print
// them.
func TestManagerDoesNotPrintTokens(t *testing.T) {
	run(t, "after refreshes, failures and logouts", testkit.Config{Session: session.Config{ReportAllowed: true}}, func(t *testing.T, k *kit) {
		var tokens []string
		note := func(m session.Material) session.Material {
			tokens = append(tokens, m.JWT.Reveal(), m.RefreshToken.Reveal())
			return m
		}
		valid := note(k.SignIn("ann@example.com"))
		_, _ = k.authenticate(valid)
		renewed, err := k.authenticate(note(k.Expired("bob@example.com")))
		testkit.NoError(t, err)
		note(materialOf(renewed.Session))
		_ = k.Logout(t.Context(), valid, none)
		var failures []error
		for _, fault := range []crossminttest.Fault{
			testkit.RejectedByUpstream(), testkit.BadGateway(), crossminttest.InvalidUTF8(), crossminttest.Truncate(),
		} {
			k.Fake.FailAlways(crossminttest.Refresh, fault)
			_, err := k.authenticate(note(k.Expired("cy@example.com")))
			failures = append(failures, err)
		}
		k.Fake.Heal()
		unverified := note(k.Expired("di@example.com"))
		k.Fake.AddKey()
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err = k.authenticate(unverified) // its grant waits for its verification
		failures = append(failures, err)
		synctest.Wait()
		values := []any{k.Manager, k.All(), k.Health(), renewed, failures}
		for i := range failures {
			values = append(values, failures[i], managerHolder{k.Manager, k.All(), k.Health(), renewed, failures[i]})
		}
		for _, v := range values {
			printed := testkit.Formats(v)
			for i, token := range tokens {
				if strings.Contains(printed, token) || strings.Contains(printed, fmt.Sprintf("%x", token)) {
					t.Errorf("%T prints token %d", v, i)
				}
			}
		}
	})
}

// With the secret of the fingerprints one can tell which token an event is about.
func TestManagerDoesNotPrintItsSecret(t *testing.T) {
	run(t, "a manager", testkit.Config{}, func(t *testing.T, k *kit) {
		if n := len(strings.Fields(k.HasherSecret())); n != sha256.Size {
			t.Fatalf("the secret has %d bytes: the test shows nothing", n)
		}
		for _, v := range []any{k.Manager, managerHolder{manager: k.Manager}} {
			if strings.Contains(testkit.Formats(v), k.HasherSecret()) {
				t.Errorf("%T prints its secret", v)
			}
		}
	})
}
