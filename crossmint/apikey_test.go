package crossmint_test

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"slices"
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

	incompleteKey = "the key is incomplete or was changed"
	tooLong       = "the value is longer than any key"
	noProject     = "the key names no project"
	notItsSigner  = "the key is complete, but its signature is not by the signer for "
)

// because returns a documented message with a cause behind it.
func because(message, cause string) string { return message + " (" + cause + ")" }

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
	return keyErrorWith(config)
}

// keyErrorWith is keyError with the verifiers of the config.
func keyErrorWith(config crossmint.Config) string {
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
		{name: "nothing", key: "", want: because(badType, "the value is empty: is the variable that holds it set?")},
		{name: "space before it", key: " " + good, want: because(badType, "the value has white space before the key")},
		{name: "another type", key: "pk" + good[2:], want: badType},
		{name: "type in upper case", key: "SK" + good[2:], want: badType},
		{name: "type alone", key: "sk", want: badType},
		{name: "a client's old format", key: "ck_live_123", want: clientDisallowed},
		{name: "a client key", key: mint("ck_staging", data), want: clientDisallowed},
		{name: "a client key before its environment", key: "ck_nowhere_x", want: clientDisallowed},
		{name: "no environment", key: "sk_", want: badEnvironment},
		{name: "another environment", key: mint("sk_nowhere", data), want: badEnvironment},
		{name: "environment in upper case", key: mint("sk_STAGING", data), want: badEnvironment},
		{name: "a longer environment", key: "sk_stagingx_" + good, want: because(badEnvironment, "the value has characters that no key has before the key")},
		{name: "an environment alone", key: "sk_staging", want: badEnvironment},
		{name: "nothing behind the environment", key: "sk_staging_", want: because(badSignature, "the value ends behind sk_staging_")},
		{name: "no base58", key: "sk_staging_0OIl", want: because(badSignature, "the value has characters that no key has behind the key")},
		{name: "a line feed behind it", key: good + "\n", want: because(badSignature, "the value has a line feed behind the key")},
		{name: "cut short", key: good[:len(good)-1], want: because(badSignature, incompleteKey)},
		{name: "twice", key: good + good, want: because(badSignature, "the value holds more than one key")},
		{name: "oversize", key: long, want: because(badSignature, tooLong)},
		{name: "of 1 MB", key: "sk_staging_" + strings.Repeat("z", 1<<20), want: because(badSignature, tooLong)},
		{name: "another type than signed", key: "sk" + mint("ck_staging", data)[2:], want: because(badSignature, "the key was issued as ck_staging_: its prefix was changed")},
		{name: "another environment than signed", key: strings.Replace(good, "staging", "development", 1), want: because(badSignature, "the key was issued as sk_staging_: its prefix was changed")},
		{name: "another environment, another public key", key: strings.Replace(good, "staging", "production", 1), want: because(badSignature, "the key was issued as sk_staging_: its prefix was changed")},
		{name: "joined by an underscore", key: mintParts("sk_staging", data, base58.Encode(ed25519.Sign(testSeed, []byte("sk_staging_"+data)))), want: because(badSignature, notItsSigner+"staging")},
		{name: "no signature", key: "sk_staging_" + base58.Encode([]byte(data)), want: because(badSignature, incompleteKey)},
		{name: "an empty signature", key: mintParts("sk_staging", data, ""), want: because(badSignature, incompleteKey)},
		{name: "a third part", key: mintParts("sk_staging", data, signatureOf("sk_staging", data)+":x"), want: because(badSignature, incompleteKey)},
		{name: "an empty third part", key: mintParts("sk_staging", data, signatureOf("sk_staging", data)+":"), want: because(badSignature, incompleteKey)},
		{name: "a first part before it", key: mintParts("sk_staging", "x:"+data, signatureOf("sk_staging", data)), want: because(badSignature, incompleteKey)},
		{name: "a signature that is no base58", key: mintParts("sk_staging", data, "0OIl"), want: because(badSignature, incompleteKey)},
		{name: "a zero before the signature", key: mintParts("sk_staging", data, "1"+signatureOf("sk_staging", data)), want: because(badSignature, incompleteKey)},
		{name: "a signature of other data", key: mintParts("sk_staging", data, signatureOf("sk_staging", "project-2.opaque")), want: because(badSignature, notItsSigner+"staging")},
		{name: "signed, without a dot", key: mint("sk_staging", "project-1"), want: because(badSignature, noProject)},
		{name: "signed, without a project", key: mint("sk_staging", ".opaque"), want: because(badSignature, noProject)},
		{name: "signed, a project with a space", key: mint("sk_staging", "project 1.opaque"), want: because(badSignature, noProject)},
		{name: "signed, a project with a line feed", key: mint("sk_staging", "project\r\nSet-Cookie.x"), want: because(badSignature, noProject)},
		{name: "signed, a project with a semicolon", key: mint("sk_staging", "a;b.opaque"), want: because(badSignature, noProject)},
		{name: "signed, a project of 129 bytes", key: mint("sk_staging", strings.Repeat("p", 129)+".opaque"), want: because(badSignature, noProject)},
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
		got := keyError(crossmint.Config{APIKey: session.NewSecret(tampered)})
		if want := []string{because(badSignature, incompleteKey), because(badSignature, notItsSigner+"staging")}; !slices.Contains(want, got) {
			t.Errorf("byte %d changed: %q, want one of %q", at, got, want)
		}
	}
}

func unknownEnvironment(name string) string {
	return fmt.Sprintf(`crossmint: RequireEnvironment: %q is not an environment; they are "development", "staging" and "production"`, name)
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
		{key: key, require: "nowhere", want: unknownEnvironment("nowhere")},
		{key: mint("sk_production", "project-1.x"), require: "prodution", want: unknownEnvironment("prodution")},
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
	changedPrefix := because(badSignature, "the key was issued as ck_development_: its prefix was changed")
	for tampered, want := range map[string]string{
		strings.Replace(key, "development", "staging", 1): changedPrefix,
		strings.Replace(key, "ck", "sk", 1):               changedPrefix,
		key[:len(key)-1] + "R":                            because(badSignature, notItsSigner+"development"),
	} {
		if _, err := crossmint.NewClient(crossmint.Config{APIKey: session.NewSecret(tampered), AllowClientKey: true}); err == nil || err.Error() != want {
			t.Errorf("tampered: %v, want %q", err, want)
		}
	}
}

// APIKeyVerifiers replaces the default key of its own environments only.
func TestAPIKeyVerifiersReplaceDefaults(t *testing.T) {
	config := crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x")), APIKeyVerifiers: map[crossmint.Environment]ed25519.PublicKey{
		crossmint.Production: testSeed.Public().(ed25519.PublicKey),
	}}
	if want := because(badSignature, notItsSigner+"staging"); keyErrorWith(config) != want {
		t.Errorf("error = %q, want %q", keyErrorWith(config), want)
	}
	config.APIKeyVerifiers = map[crossmint.Environment]ed25519.PublicKey{crossmint.Staging: []byte("short")}
	if want := because(badSignature, "Config.APIKeyVerifiers has no Ed25519 public key for staging"); keyErrorWith(config) != want {
		t.Errorf("a short public key: %q, want %q", keyErrorWith(config), want)
	}
}
