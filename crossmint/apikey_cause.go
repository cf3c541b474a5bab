package crossmint

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"unicode"
)

// Causes of invalid API keys. These functions look at rejected values only, and
// return no part of a key behind its prefix.

// surroundings tells what the value holds beside a key, or "": for example the line
// feed at the end of a file, or the quotation marks of a .env file that no shell
// has read.
func surroundings(value string) string {
	switch {
	case value == "":
		return "the value is empty: is the variable that holds it set?"
	case strings.TrimSpace(value) == "":
		return "the value is white space only"
	case strings.HasPrefix(value, "$"):
		return "the value is the name of a variable, which was not replaced by its value"
	}
	before, prefix, rest := cutPrefix(value)
	if prefix == "" {
		return ""
	}
	after := strings.TrimLeftFunc(rest, isBase58)
	switch {
	case strings.Contains(after, "_"):
		return "the value holds more than one key"
	case before != "" && after != "":
		return fmt.Sprintf("the value has %s before the key and %s behind it", foreign(before), foreign(after))
	case before != "":
		return fmt.Sprintf("the value has %s before the key", foreign(before))
	case after != "" && strings.ContainsFunc(after, isBase58):
		return fmt.Sprintf("the value has %s within the key", foreign(after))
	case after != "":
		return fmt.Sprintf("the value has %s behind the key", foreign(after))
	case rest == "":
		return "the value ends behind " + prefix
	}
	return ""
}

// cutPrefix finds the first prefix of a key, such as sk_staging_, and returns the
// parts of the value before and behind it. The prefix is empty if there is none.
func cutPrefix(value string) (before, prefix, after string) {
	for environment := range environments {
		for _, keyType := range []string{clientKey, serverKey} {
			p := keyType + "_" + string(environment) + "_"
			b, a, found := strings.Cut(value, p)
			if found && (prefix == "" || len(b) < len(before)) {
				before, prefix, after = b, p, a
			}
		}
	}
	return before, prefix, after
}

// foreign names the kinds of characters in s that no key has.
func foreign(s string) string {
	const (
		quotes    = "\"'`\u2018\u2019\u201c\u201d"
		invisible = "\u200b\u200c\u200d\u2060\u00ad"
	)
	kinds := []struct {
		name  string
		found bool
	}{
		{"a byte order mark", strings.Contains(s, "\ufeff")},
		{"the name of a variable", strings.Contains(s, "=")},
		{"the word Bearer", strings.HasPrefix(strings.ToLower(strings.TrimSpace(s)), "bearer")},
		{"a quotation mark", strings.ContainsAny(s, quotes)},
		{"a line feed", strings.ContainsAny(s, "\n\r")},
		{"an invisible character", strings.ContainsAny(s, invisible)},
		{"white space", strings.ContainsFunc(s, isBlank)},
	}
	var names []string
	for _, kind := range kinds {
		if kind.found {
			names = append(names, kind.name)
		}
	}
	if len(names) == 0 {
		return "characters that no key has"
	}
	return strings.Join(names, ", ")
}

// isBlank reports whether r is white space other than the end of a line.
func isBlank(r rune) bool { return unicode.IsSpace(r) && r != '\n' && r != '\r' }

// isBase58 reports whether r is in the alphabet of the signed part of a key.
func isBase58(r rune) bool {
	letter := r >= 'a' && r <= 'z' && r != 'l' || r >= 'A' && r <= 'Z' && r != 'I' && r != 'O'
	return letter || r >= '1' && r <= '9'
}

// wrongSignature tells why the signature of a complete key does not verify.
func (c *Config) wrongSignature(environment Environment, data string, signature []byte) string {
	if len(c.apiKeyVerifier(environment)) != ed25519.PublicKeySize {
		return fmt.Sprintf("Config.APIKeyVerifiers has no Ed25519 public key for %s", environment)
	}
	for _, keyType := range []string{serverKey, clientKey} {
		for other := range environments {
			if c.hasSigned(keyType, other, data, signature) {
				return fmt.Sprintf("the key was issued as %s_%s_: its prefix was changed", keyType, other)
			}
		}
	}
	return "the key is complete, but its signature is not by the signer for " + string(environment)
}
