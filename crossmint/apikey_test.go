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
	oldFormat        = "Old API key format detected. Please create a new API key from the Crossmint console."
	badType          = "Malformed API key. Must start with 'ck' or 'sk'."
	clientDisallowed = "Disallowed API key. You passed a client API key, but a server API key is required."
	badEnvironment   = "Malformed API key. Must have a valid environment: 'development', 'staging' or 'production'."
	badSignature     = "Invalid API key. Failed to validate signature"
)

func otherEnvironment(got, want crossmint.Environment) string {
	return "Disallowed API key. You passed a " + string(got) + " API key, but a " + string(want) + " API key is required."
}

// testSeed signs the API keys of the tests.
var testSeed = ed25519.NewKeyFromSeed([]byte("the seed of the tests' API keys."))

func testVerifiers() map[crossmint.Environment]ed25519.PublicKey {
	public := testSeed.Public().(ed25519.PublicKey)
	return map[crossmint.Environment]ed25519.PublicKey{
		crossmint.Development: public, crossmint.Staging: public, crossmint.Production: public,
	}
}

// mint returns a key with a prefix like "sk_staging" and signed data.
func mint(prefix, data string) string { return mintParts(prefix, data, signatureOf(prefix, data)) }

func mintParts(prefix, data, signature string) string {
	return prefix + "_" + base58.Encode([]byte(data+":"+signature))
}

func signatureOf(prefix, data string) string {
	return base58.Encode(ed25519.Sign(testSeed, []byte(prefix+"."+data)))
}

// keyError returns the error of NewClient, or "".
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
		{name: "development", key: mint("sk_development", data), want: ""},
		{name: "staging", key: good, want: ""},
		{name: "production", key: mint("sk_production", data), want: ""},
		{name: "dots in the opaque part", key: mint("sk_staging", "project-1.a.b.c"), want: ""},
		{name: "an empty opaque part", key: mint("sk_staging", "project-1."), want: ""},
		{name: "old, live", key: "sk_live_123", want: oldFormat},
		{name: "old, test", key: "sk_test", want: oldFormat},
		{name: "old before everything else", key: "sk_test_staging_" + good, want: oldFormat},
		{name: "nothing", key: "", want: badType},
		{name: "space before it", key: " " + good, want: badType},
		{name: "another type", key: "pk" + good[2:], want: badType},
		{name: "type in upper case", key: "SK" + good[2:], want: badType},
		{name: "type alone", key: "sk", want: badType},
		{name: "a client's old format", key: "ck_live_123", want: clientDisallowed},
		{name: "a client key", key: mint("ck_staging", data), want: clientDisallowed},
		{name: "a client key before its environment", key: "ck_nowhere_x", want: clientDisallowed},
		{name: "no environment", key: "sk_", want: badEnvironment},
		{name: "another environment", key: mint("sk_nowhere", data), want: badEnvironment},
		{name: "environment in upper case", key: mint("sk_STAGING", data), want: badEnvironment},
		{name: "a longer environment", key: "sk_stagingx_" + good, want: badEnvironment},
		{name: "an environment alone", key: "sk_staging", want: badEnvironment},
		{name: "nothing behind the environment", key: "sk_staging_", want: badSignature},
		{name: "no base58", key: "sk_staging_0OIl", want: badSignature},
		{name: "a line feed behind it", key: good + "\n", want: badSignature},
		{name: "cut short", key: good[:len(good)-1], want: badSignature},
		{name: "twice", key: good + good, want: badSignature},
		{name: "oversize", key: long, want: badSignature},
		{name: "of 1 MB", key: "sk_staging_" + strings.Repeat("z", 1<<20), want: badSignature},
		{name: "another type than signed", key: "sk" + mint("ck_staging", data)[2:], want: badSignature},
		{name: "another environment than signed", key: strings.Replace(good, "staging", "development", 1), want: badSignature},
		{name: "another environment, another public key", key: strings.Replace(good, "staging", "production", 1), want: badSignature},
		{name: "joined by an underscore", key: mintParts("sk_staging", data, base58.Encode(ed25519.Sign(testSeed, []byte("sk_staging_"+data)))), want: badSignature},
		{name: "no signature", key: "sk_staging_" + base58.Encode([]byte(data)), want: badSignature},
		{name: "an empty signature", key: mintParts("sk_staging", data, ""), want: badSignature},
		{name: "a third part", key: mintParts("sk_staging", data, signatureOf("sk_staging", data)+":x"), want: badSignature},
		{name: "an empty third part", key: mintParts("sk_staging", data, signatureOf("sk_staging", data)+":"), want: badSignature},
		{name: "a first part before it", key: mintParts("sk_staging", "x:"+data, signatureOf("sk_staging", data)), want: badSignature},
		{name: "a signature that is no base58", key: mintParts("sk_staging", data, "0OIl"), want: badSignature},
		{name: "a zero before the signature", key: mintParts("sk_staging", data, "1"+signatureOf("sk_staging", data)), want: badSignature},
		{name: "a signature of other data", key: mintParts("sk_staging", data, signatureOf("sk_staging", "project-2.opaque")), want: badSignature},
		{name: "signed, without a dot", key: mint("sk_staging", "project-1"), want: badSignature},
		{name: "signed, without a project", key: mint("sk_staging", ".opaque"), want: badSignature},
		{name: "signed, a project with a space", key: mint("sk_staging", "project 1.opaque"), want: badSignature},
		{name: "signed, a project with a line feed", key: mint("sk_staging", "project\r\nSet-Cookie.x"), want: badSignature},
		{name: "signed, a project with a semicolon", key: mint("sk_staging", "a;b.opaque"), want: badSignature},
		{name: "signed, a project of 129 bytes", key: mint("sk_staging", strings.Repeat("p", 129)+".opaque"), want: badSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, keyError(crossmint.Config{APIKey: session.NewSecret(test.key)})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// A key with another character is invalid, wherever it is.
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
		{key: key, require: crossmint.Development, want: ""},
		{key: key, require: crossmint.Production, want: otherEnvironment("development", "production")},
		{key: key, require: "nowhere", want: otherEnvironment("development", "nowhere")},
		{key: key + "x", require: crossmint.Production, want: otherEnvironment("development", "production")}, // before the signature
		{key: "sk_nowhere_x", require: crossmint.Production, want: badEnvironment},
	}
	for _, test := range tests {
		got := keyError(crossmint.Config{APIKey: session.NewSecret(test.key), RequireEnvironment: test.require})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s required (-want +got):\n%s", test.require, diff)
		}
	}
}

// The only key that Crossmint has published is a client key of development, with
// a real signature.
func TestPublishedKey(t *testing.T) {
	data, err := os.ReadFile("testdata/apikey.txt")
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(data))
	if _, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(key)}); err == nil || err.Error() != clientDisallowed {
		t.Errorf("error = %v, want %q", err, clientDisallowed)
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

// APIKeyVerifiers replaces the default key of its own environments only.
func TestAPIKeyVerifiersReplaceDefaults(t *testing.T) {
	config := crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x")), APIKeyVerifiers: map[crossmint.Environment]ed25519.PublicKey{
		crossmint.Production: testSeed.Public().(ed25519.PublicKey),
	}}
	if _, err := crossmint.NewClient(config); err == nil || err.Error() != badSignature {
		t.Errorf("error = %v, want %q", err, badSignature)
	}
	config.APIKeyVerifiers = map[crossmint.Environment]ed25519.PublicKey{crossmint.Staging: []byte("short")}
	if _, err := crossmint.NewClient(config); err == nil || err.Error() != badSignature {
		t.Errorf("a short public key: %v, want %q", err, badSignature)
	}
}
