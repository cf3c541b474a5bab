package crossmint_test

import (
	"crypto/ed25519"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mr-tron/base58"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

const (
	oldFormat    = "Old API key format detected. Please create a new API key from the Crossmint console."
	badOrigin    = "Malformed API key. Must start with 'ck' or 'sk'."
	clientRefuse = "Disallowed API key. You passed a client API key, but a server API key is required."
	badWorld     = "Malformed API key. Must have a valid environment: 'development', 'staging' or 'production'."
	badSignature = "Invalid API key. Failed to validate signature"
)

func otherWorld(got, want crossmint.Environment) string {
	return "Disallowed API key. You passed a " + string(got) + " API key, but a " + string(want) + " API key is required."
}

// testSeed signs the API keys of these tests.
var testSeed = ed25519.NewKeyFromSeed([]byte("the seed of the tests' API keys."))

func testVerifiers() map[crossmint.Environment]ed25519.PublicKey {
	public := testSeed.Public().(ed25519.PublicKey)
	return map[crossmint.Environment]ed25519.PublicKey{
		crossmint.Development: public, crossmint.Staging: public, crossmint.Production: public,
	}
}

// mint makes a key of "sk_staging" and the like around signed data.
func mint(prefix, data string) string { return mintParts(prefix, data, signatureOf(prefix, data)) }

func mintParts(prefix, data, signature string) string {
	return prefix + "_" + base58.Encode([]byte(data+":"+signature))
}

func signatureOf(prefix, data string) string {
	return base58.Encode(ed25519.Sign(testSeed, []byte(prefix+"."+data)))
}

// keyError is the text of what is wrong with the key, "" for nothing.
func keyError(config crossmint.Config) string {
	config.APIKeyVerifiers = testVerifiers()
	client, err := crossmint.NewClient(config)
	if err != nil {
		return err.Error()
	}
	client.Close()
	return ""
}

func TestAPIKey(t *testing.T) {
	const data = "project-1.opaque"
	good := mint("sk_staging", data)
	long := mint("sk_staging", "project-1."+strings.Repeat("x", 2000))
	tests := []struct{ name, key, want string }{
		{"development", mint("sk_development", data), ""},
		{"staging", good, ""},
		{"production", mint("sk_production", data), ""},
		{"dots in the opaque part", mint("sk_staging", "project-1.a.b.c"), ""},
		{"an empty opaque part", mint("sk_staging", "project-1."), ""},
		{"old, live", "sk_live_123", oldFormat},
		{"old, test", "sk_test", oldFormat},
		{"old before everything else", "sk_test_staging_" + good, oldFormat},
		{"nothing", "", badOrigin},
		{"space before it", " " + good, badOrigin},
		{"another origin", "pk" + good[2:], badOrigin},
		{"origin in upper case", "SK" + good[2:], badOrigin},
		{"origin alone", "sk", badOrigin},
		{"a client's old format", "ck_live_123", clientRefuse},
		{"a client key", mint("ck_staging", data), clientRefuse},
		{"a client key before its environment", "ck_nowhere_x", clientRefuse},
		{"no environment", "sk_", badWorld},
		{"another environment", mint("sk_nowhere", data), badWorld},
		{"environment in upper case", mint("sk_STAGING", data), badWorld},
		{"a longer environment", "sk_stagingx_" + good, badWorld},
		{"an environment alone", "sk_staging", badWorld},
		{"nothing behind the environment", "sk_staging_", badSignature},
		{"no base58", "sk_staging_0OIl", badSignature},
		{"a line feed behind it", good + "\n", badSignature},
		{"cut short", good[:len(good)-1], badSignature},
		{"twice", good + good, badSignature},
		{"oversize", long, badSignature},
		{"of 1 MB", "sk_staging_" + strings.Repeat("z", 1<<20), badSignature},
		{"another origin than signed", "sk" + mint("ck_staging", data)[2:], badSignature},
		{"another environment than signed", strings.Replace(good, "staging", "development", 1), badSignature},
		{"another environment, another signer", strings.Replace(good, "staging", "production", 1), badSignature},
		{"joined by an underscore", mintParts("sk_staging", data, base58.Encode(ed25519.Sign(testSeed, []byte("sk_staging_"+data)))), badSignature},
		{"no signature", "sk_staging_" + base58.Encode([]byte(data)), badSignature},
		{"an empty signature", mintParts("sk_staging", data, ""), badSignature},
		{"a third part", mintParts("sk_staging", data, signatureOf("sk_staging", data)+":x"), badSignature},
		{"an empty third part", mintParts("sk_staging", data, signatureOf("sk_staging", data)+":"), badSignature},
		{"a first part before it", mintParts("sk_staging", "x:"+data, signatureOf("sk_staging", data)), badSignature},
		{"a signature that is no base58", mintParts("sk_staging", data, "0OIl"), badSignature},
		{"a zero before the signature", mintParts("sk_staging", data, "1"+signatureOf("sk_staging", data)), badSignature},
		{"a signature of other data", mintParts("sk_staging", data, signatureOf("sk_staging", "project-2.opaque")), badSignature},
		{"signed, without a dot", mint("sk_staging", "project-1"), badSignature},
		{"signed, without a project", mint("sk_staging", ".opaque"), badSignature},
		{"signed, a project with a space", mint("sk_staging", "project 1.opaque"), badSignature},
		{"signed, a project with a line feed", mint("sk_staging", "project\r\nSet-Cookie.x"), badSignature},
		{"signed, a project with a semicolon", mint("sk_staging", "a;b.opaque"), badSignature},
		{"signed, a project of 129 bytes", mint("sk_staging", strings.Repeat("p", 129)+".opaque"), badSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, keyError(crossmint.Config{APIKey: session.NewSecret(test.key)})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// Every character of a key counts.
func TestAPIKeyTampered(t *testing.T) {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	good := mint("sk_staging", "project-1.opaque")
	for at := len("sk_staging_"); at < len(good); at++ {
		other := alphabet[(strings.IndexByte(alphabet, good[at])+1)%len(alphabet)]
		tampered := good[:at] + string(other) + good[at+1:]
		if got := keyError(crossmint.Config{APIKey: session.NewSecret(tampered)}); got != badSignature {
			t.Errorf("byte %d changed: %q, want %q", at, got, badSignature)
		}
	}
}

func TestRequireEnvironment(t *testing.T) {
	key := mint("sk_development", "project-1.x")
	tests := []struct {
		key     string
		require crossmint.Environment
		want    string
	}{
		{key, crossmint.Development, ""},
		{key, crossmint.Production, otherWorld("development", "production")},
		{key, "nowhere", otherWorld("development", "nowhere")},
		{key + "x", crossmint.Production, otherWorld("development", "production")}, // before the signature
		{"sk_nowhere_x", crossmint.Production, badWorld},
	}
	for _, test := range tests {
		got := keyError(crossmint.Config{APIKey: session.NewSecret(test.key), RequireEnvironment: test.require})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s required (-want +got):\n%s", test.require, diff)
		}
	}
}

// The one key that the vendor has published: a client key of development,
// signed by the vendor's own signer.
func TestPublishedKey(t *testing.T) {
	data, err := os.ReadFile("testdata/apikey.txt")
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(data))
	if _, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(key)}); err == nil || err.Error() != clientRefuse {
		t.Errorf("error = %v, want %q", err, clientRefuse)
	}
	client := newClient(t, crossmint.Config{APIKey: session.NewSecret(key), AllowClientKey: true})
	got := []string{client.ProjectID(), string(client.Environment()), client.JWKSURL()}
	want := []string{"dfb06708-a46f-4615-bd34-f614ae284e7b", "development", "http://localhost:3000/.well-known/jwks.json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("client (-want +got):\n%s", diff)
	}
	for _, tampered := range []string{strings.Replace(key, "development", "staging", 1), strings.Replace(key, "ck", "sk", 1), key[:len(key)-1] + "R"} {
		if _, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(tampered), AllowClientKey: true}); err == nil || err.Error() != badSignature {
			t.Errorf("tampered: %v, want %q", err, badSignature)
		}
	}
}

// A signer that a test brings replaces the vendor's for its environment only.
func TestSignersAreLaidOver(t *testing.T) {
	config := crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x")), APIKeyVerifiers: map[crossmint.Environment]ed25519.PublicKey{
		crossmint.Production: testSeed.Public().(ed25519.PublicKey),
	}}
	if _, err := crossmint.NewClient(config); err == nil || err.Error() != badSignature {
		t.Errorf("error = %v, want %q", err, badSignature)
	}
	config.APIKeyVerifiers = map[crossmint.Environment]ed25519.PublicKey{crossmint.Staging: []byte("short")}
	if _, err := crossmint.NewClient(config); err == nil || err.Error() != badSignature {
		t.Errorf("a short signer: %v, want %q", err, badSignature)
	}
}
