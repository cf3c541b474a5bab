package session

import (
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
	"unsafe"
)

// redacted replaces a Secret in the output of fmt, log/slog and encoding/json.
const redacted = "[redacted]"

// A Secret holds a credential: a JWT or the secret of a refresh token. It
// prints, logs and marshals as "[redacted]". Only [Secret.Reveal] returns the
// text, so a search for that name finds every place that handles it.
//
// The zero value is the empty secret. A Secret is immutable and safe for
// concurrent use. Compare secrets with [Secret.Equal]: == compares addresses.
type Secret struct {
	// The text is stored as a pointer and a length. A string field would leak:
	// fmt calls no methods on the unexported fields of a struct that holds a
	// Secret, and prints their strings.
	data *byte
	size int
}

// NewSecret returns a Secret that holds text. It shares the memory of text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unsafe.StringData(text), len(text)} //nolint:gosec // the inverse of Reveal; strings are immutable
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	return unsafe.String(s.data, s.size) //nolint:gosec // both fields come from one string, see NewSecret
}

// clone returns a Secret with memory of its own, for work that continues without
// its request: the adaptors of fasthttp reuse the memory of a request, and with it
// that of its strings.
func (s Secret) clone() Secret { return NewSecret(strings.Clone(s.Reveal())) }

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.size == 0 }

// Equal reports whether s and t hold the same text. Its duration depends only
// on their lengths.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// Format implements fmt.Formatter. It writes "[redacted]" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler and returns "[redacted]".
// encoding/json, encoding/xml and the handlers of log/slog use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
