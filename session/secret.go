package session

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted is what a Secret shows to everything but [Secret.Reveal].
const redacted = "[redacted]"

// A Secret holds a credential: a JWT or the secret of a refresh token. It
// prints, logs and marshals as "[redacted]"; only [Secret.Reveal] gives the
// text away, so that every place that handles it can be found by its name.
//
// The text sits behind a pointer: fmt calls no methods on the unexported
// fields of a struct, and would print a plain string there. For the same
// reason == compares addresses; use [Secret.Equal].
//
// The zero value is the empty secret. A Secret is immutable and safe for
// concurrent use.
type Secret struct{ text *string }

// NewSecret returns a Secret that holds text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Clone returns a Secret whose text lies in memory of its own.
func (s Secret) Clone() Secret { return NewSecret(strings.Clone(s.Reveal())) }

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.text == nil || *s.text == "" }

// Equal reports whether s and t hold the same text, in a time that depends
// on their lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String returns "[redacted]", also for the empty secret.
func (s Secret) String() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]": JSON, XML and map keys use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]" for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
