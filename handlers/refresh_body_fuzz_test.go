package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/bounds"
)

// FuzzRefreshBody checks that encoding/json reads the same token from every accepted
// body, so that another parser of the same body cannot find another token.
func FuzzRefreshBody(f *testing.F) {
	for _, body := range []string{
		`{"refresh":"a"}`, `{"refresh":null}`, `{}`, `{"refresh":"\u0061\ud83d\ude00"}`, `{"Refresh":"a"}`, `{"refreſh":"a","refresh":"b"}`,
		`{"refresh":"a","refresh":"b"}`, `{"x":{"refresh":"a"},"refresh":"b"}`, "{\"refresh\":\"\xff\"}", `{"refresh":"a"}x`, ` {"refresh" : "a" } `,
		`{"\u0072efresh":"a"}`, `{"refresh":1}`, strings.Repeat(`{"x":`, 40), "\uFEFF{}", `{"refresh":"é\n"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := handlers.ParseToken(body)
		if err != nil {
			return
		}
		var want struct {
			Refresh string `json:"refresh"`
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted %q, which encoding/json rejects: %v", body, err)
		}
		if got != want.Refresh {
			t.Errorf("%q: %q, encoding/json reads %q", body, got, want.Refresh)
		}
		if len(got) > bounds.MaxRefreshTokenBytes || strings.ContainsAny(got, "\x00\r\n\t\x7f") {
			t.Errorf("accepted the token %q", got)
		}
	})
}
