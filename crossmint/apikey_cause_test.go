package crossmint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// The error tells what the value holds beside the key. It never holds the key.
func TestAPIKeyErrorNamesSurroundings(t *testing.T) {
	key := mint("sk_staging", "project-1.opaque")
	half := len(key) / 2
	tests := []struct{ name, value, want string }{
		{name: "white space only", value: " \n", want: because(badType, "the value is white space only")},
		{name: "a line feed, Windows", value: key + "\r\n", want: because(badSignature, "the value has a line feed behind the key")},
		{name: "a space behind it", value: key + " ", want: because(badSignature, "the value has white space behind the key")},
		{name: "a no-break space behind it", value: key + "\u00a0", want: because(badSignature, "the value has white space behind the key")},
		{name: "a tab before it", value: "\t" + key, want: because(badType, "the value has white space before the key")},
		{name: "an empty line before it", value: "\n" + key, want: because(badType, "the value has a line feed before the key")},
		{name: "a line feed within it", value: key[:half] + "\n" + key[half:], want: because(badSignature, "the value has a line feed within the key")},
		{name: "in quotation marks", value: `"` + key + `"`, want: because(badType, "the value has a quotation mark before the key and a quotation mark behind it")},
		{name: "in single ones", value: "'" + key + "'", want: because(badType, "the value has a quotation mark before the key and a quotation mark behind it")},
		{name: "in typographic ones", value: "\u201c" + key + "\u201d", want: because(badType, "the value has a quotation mark before the key and a quotation mark behind it")},
		{name: "the last one alone", value: key + `"`, want: because(badSignature, "the value has a quotation mark behind the key")},
		{name: "a byte order mark", value: "\ufeff" + key, want: because(badType, "the value has a byte order mark before the key")},
		{name: "a zero-width space", value: key + "\u200b", want: because(badSignature, "the value has an invisible character behind the key")},
		{name: "a line of a .env file", value: "CROSSMINT_API_KEY=" + key, want: because(badType, "the value has the name of a variable before the key")},
		{name: "a whole .env file", value: "\ufeffexport KEY=\"" + key + "\"\n", want: because(badType,
			"the value has a byte order mark, the name of a variable, a quotation mark, white space before the key and a quotation mark, a line feed behind it")},
		{name: "a header", value: "Bearer " + key, want: because(badType, "the value has the word Bearer, white space before the key")},
		{name: "a variable", value: "${CROSSMINT_API_KEY}", want: because(badType, "the value is the name of a variable, which was not replaced by its value")},
		{name: "a placeholder", value: "sk_staging_\u2026", want: because(badSignature, "the value has characters that no key has behind the key")},
		{name: "two keys", value: key + "," + key, want: because(badSignature, "the value holds more than one key")},
		{name: "a client key with a line feed", value: mint("ck_staging", "project-1.x") + "\n", want: clientDisallowed},
		{name: "another word", value: "hello", want: badType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := keyError(crossmint.Config{APIKey: session.NewSecret(test.value)})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			for _, part := range []string{key[len("sk_staging_"):half], key[half:], "project-1"} {
				if strings.Contains(got, part) {
					t.Errorf("the error holds a part of the key: %s", got)
				}
			}
		})
	}
}
