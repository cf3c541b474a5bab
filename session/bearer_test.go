package session_test

import (
	"testing"

	"github.com/crossmint-go/auth/session"
)

func TestBearerToken(t *testing.T) {
	tests := []struct {
		name          string
		authorization []string
		jwt           string
		present       bool
	}{
		{"none", nil, "", false},
		{"one", []string{"Bearer a.b.c"}, "a.b.c", true},
		{"another case", []string{"bEARER  a.b.c "}, "a.b.c", true},
		{"another scheme", []string{"Basic YTpi"}, "", false},
		{"nothing behind the scheme", []string{"Bearer"}, "", true},
		{"two", []string{"Bearer a.b.c", "Bearer d.e.f"}, "", true},
		{"one beside another scheme", []string{"Basic YTpi", "Bearer a.b.c"}, "", true},
	}
	for _, test := range tests {
		jwt, present := session.BearerToken(test.authorization...)
		if jwt.Reveal() != test.jwt || present != test.present {
			t.Errorf("%s: %q, %v", test.name, jwt.Reveal(), present)
		}
	}
}
