package handlers

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/crossmint-go/auth/internal/bounds"
)

// maxCodeBytes allows for longer codes than the present ones of six digits.
const maxCodeBytes = 16

// normalizeCode returns a code as upstream has sent it. Mail programs and keyboards
// add spaces, hyphens, characters without a width, and the digits of other scripts.
func normalizeCode(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.In(r, unicode.Pd, unicode.Cf):
			return -1
		case unicode.Is(unicode.Nd, r):
			return asciiDigit(r)
		}
		return r
	}, code)
}

// asciiDigit returns the ASCII digit with the value of r. Unicode assigns decimal
// digits in runs of ten (section 4.6), so every range of them begins with a zero.
func asciiDigit(r rune) rune {
	for _, digits := range unicode.Nd.R16 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	return r
}

func isCode(s string) bool {
	return s != "" && len(s) <= maxCodeBytes && strings.Trim(s, "0123456789") == ""
}

// normalizeAddress removes the invisible characters around an address, and the full
// width of East Asian keyboards. Inside an address it removes characters without a
// width only if all others are ASCII: some scripts need them.
func normalizeAddress(address string) string {
	if !utf8.ValidString(address) {
		return address // strings.Map would make it valid
	}
	isInvisible := func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }
	address = strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' { // U+FF01 to U+FF5E stand for U+0021 to U+007E
			return r - '！' + '!'
		}
		return r
	}, strings.TrimFunc(address, isInvisible))
	visible := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, address)
	if strings.ContainsFunc(visible, func(r rune) bool { return r > unicode.MaxASCII }) {
		return address
	}
	return visible
}

// isEmail reports whether s is one address without a display name.
func isEmail(s string) bool {
	if len(s) > bounds.MaxEmailBytes {
		return false
	}
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s
}

// inboxOf returns one name for all spellings of an inbox, for limits only. It ignores
// case and the part after a plus sign (subaddress, RFC 5233).
func inboxOf(email string) string {
	at := strings.LastIndexByte(email, '@')
	local, _, _ := strings.Cut(email[:max(at, 0)], "+")
	return strings.ToLower(local + email[max(at, 0):])
}
