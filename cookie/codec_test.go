package cookie_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// A browser can keep other hosts from setting a cookie with a prefix. Cookies
// without one must not compete with it.
func TestPrefixedNamesExcludeOthers(t *testing.T) {
	const planted = documentedJWT + "=planted; " + plainRefresh + "=planted"
	tests := []struct {
		name, line, want string
	}{
		{name: "planted pair beside the prefixed pair", line: planted + "; __Host-jwt=own; __Host-refresh=own", want: `{"refresh":"own"}`},
		{name: "older pair alone: the user stays signed in", line: planted, want: `{"refresh":"planted"}`},
	}
	codec := newCodec(t, cookie.Config{Names: cookie.Names{JWT: "__Host-jwt", RefreshToken: "__Host-refresh"}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{})
			_, _ = e.sessions.Authenticate(t.Context(), codec.Read(request(test.line)).Material)
			if diff := cmp.Diff([]string{test.want}, e.refreshes.all()); diff != "" {
				t.Errorf("refreshes (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzWriteRead sends the cookies of Write back, as a browser does.
func FuzzWriteRead(f *testing.F) {
	for _, test := range invalidTokens {
		f.Add(test.jwt, test.refresh)
	}
	f.Add("a.b.c", "secret")
	f.Add("a b,c", `"`)
	f.Add(" a", "b ")
	codec := newCodec(f, cookie.Config{})
	f.Fuzz(func(t *testing.T, jwt, refresh string) {
		w := httptest.NewRecorder()
		if err := codec.Write(w, request(), grant(jwt, refresh)); err != nil {
			if !errors.Is(err, session.ErrMalformed) || len(w.Header()) > 0 {
				t.Fatalf("error %v, headers %v", err, w.Header())
			}
			return
		}
		var cookies []string
		for _, line := range w.Header()["Set-Cookie"] {
			pair, _, _ := strings.Cut(line, ";")
			cookies = append(cookies, pair)
		}
		r := request(strings.Join(cookies, "; "))
		want := map[string][]string{documentedJWT: {jwt}, plainRefresh: {refresh}, unscopedJWT: nil, scopedJWT: nil, scopedRefresh: nil}
		if diff := cmp.Diff(want, codec.Parse(r.Header["Cookie"])); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
		material := codec.Read(r).Material
		if got := []string{material.JWT.Reveal(), material.RefreshToken.Reveal()}; got[0] != jwt || got[1] != refresh || material.Others != nil {
			t.Errorf("material: %q and %d more pairs, want %q alone", got, len(material.Others), []string{jwt, refresh})
		}
	})
}
