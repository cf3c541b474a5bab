package handlers_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

// TestCodeSpellings enters the right code as mail programs and keyboards write it.
func TestCodeSpellings(t *testing.T) {
	// digits writes a code with the digits that begin with zero.
	digits := func(code string, zero rune) string {
		return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
	}
	tests := map[string]func(code string) string{
		"spaces":               func(code string) string { return " " + code[:3] + " " + code[3:] + "\t" },
		"hyphen":               func(code string) string { return code[:3] + "-" + code[3:] },
		"non-breaking hyphen":  func(code string) string { return code[:3] + "\u2011" + code[3:] },
		"en dash and spaces":   func(code string) string { return code[:3] + " – " + code[3:] },
		"no-break space":       func(code string) string { return code[:3] + "\u00a0" + code[3:] },
		"ideographic space":    func(code string) string { return code[:3] + "\u3000" + code[3:] },
		"zero width":           func(code string) string { return "\ufeff" + code[:3] + "\u200b" + code[3:] + "\u200d" },
		"bidirectional marks":  func(code string) string { return "\u2066" + code + "\u2069\u200e" },
		"soft hyphen":          func(code string) string { return code[:3] + "\u00ad" + code[3:] },
		"full width":           func(code string) string { return digits(code, '０') },
		"Arabic-Indic":         func(code string) string { return digits(code, '٠') },
		"Persian":              func(code string) string { return digits(code, '۰') },
		"Devanagari":           func(code string) string { return digits(code, '०') },
		"mathematical bold":    func(code string) string { return digits(code, '𝟎') },
		"mathematical double":  func(code string) string { return digits(code, '𝟘') },
		"full width with dash": func(code string) string { return digits(code[:3], '０') + "－" + digits(code[3:], '０') },
	}
	for name, spell := range tests {
		t.Run(name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			b.submit("/send", "email", ada)
			if diff := cmp.Diff(signedIn, b.submit("/confirm", "code", spell(env.Fake.Code(ada)))); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAddressSpellings enters addresses as they are pasted. An empty want means that
// the address is invalid.
func TestAddressSpellings(t *testing.T) {
	tests := []struct{ name, given, want string }{
		{name: "white space", given: " \t" + ada + "\n\u00a0\u3000", want: ada},
		{name: "zero width around", given: "\u200b\ufeff" + ada + "\u200d\u2060", want: ada},
		{name: "zero width and spaces around", given: "\u200b " + ada + " \u200b", want: ada},
		{name: "zero width inside", given: "ada\u200b@exam\u00adple.com", want: ada},
		{name: "bidirectional marks", given: "\u202a" + ada + "\u202c", want: ada},
		{name: "full width", given: "ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ", want: ada},
		{name: "letters of another script", given: " dörte@exämple.com\u200b", want: "dörte@exämple.com"},
		{name: "a joiner that a script needs", given: "\u200bنامه\u200cای@example.com", want: "نامه\u200cای@example.com"},
		{name: "not UTF-8", given: "ada\xff@example.com"},
		{name: "space inside", given: "ada @example.com"},
		{name: "invisible only", given: "\u200b \ufeff"},
		{name: "full-width display name", given: "Ａｄａ ＜ada@example.com＞"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			want := codeSent
			if test.want == "" {
				want = redirectTo("/signin?error=email&lang=en")
			}
			if diff := cmp.Diff(want, b.submit("/send", "email", test.given)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if got := b.get("/email"); got != test.want {
				t.Errorf("code sent to %q, want %q", got, test.want)
			}
		})
	}
}
