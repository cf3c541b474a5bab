package session_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
)

func TestExpiry(t *testing.T) {
	jwt := func(payload string) session.Secret {
		return session.NewSecret("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".")
	}
	for name, test := range map[string]struct {
		jwt  session.Secret
		want time.Time
	}{
		"whole":               {jwt(`{"exp":1893456000}`), time.Unix(1893456000, 0)},
		"with a fraction":     {jwt(`{"exp":1893456000.5}`), time.Unix(1893456000, 0)},
		"beside another name": {jwt(`{"exp":1893456000,"EXP":1,"limit":1e999}`), time.Unix(1893456000, 0)},
		"none":                {jwt(`{}`), time.Time{}},
		"null":                {jwt(`{"exp":null}`), time.Time{}},
		"no number":           {jwt(`{"exp":"1893456000"}`), time.Time{}},
		"no object":           {jwt(`[]`), time.Time{}},
		"no JWT":              {session.Secret{}, time.Time{}},
	} {
		s := session.AuthSession{JWT: test.jwt}
		if got := s.ExpiresAt(); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	for text, want := range map[string]time.Time{
		"2030-01-01T00:00:00.000Z":  time.Unix(1893456000, 0),
		"2030-01-01T02:00:00+02:00": time.Unix(1893456000, 0),
		"soon":                      {},
		"":                          {},
	} {
		if got := (session.RefreshToken{ExpiresAtText: text}).ExpiresAt(); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
