package cookie_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/google/go-cmp/cmp"
)

// fuzzed are names under which the scanner has more or less to tell apart.
var fuzzed = []cookie.Names{cookie.Documented(), cookie.Unscoped(), cookie.Scoped(project), {JWT: "a", RefreshToken: "ab"}, {JWT: "__Host-a", RefreshToken: "__Host-b"}}

// FuzzScan compares the scanner with net/http's.
func FuzzScan(f *testing.F) {
	var codecs []*cookie.Codec
	for i, names := range fuzzed {
		usual := pairs("theme", "dark", names.JWT, "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl", names.RefreshToken, "0123456789-abcdef")
		for _, line := range []string{
			usual, usual + ";", " " + usual, "\t" + usual, strings.ReplaceAll(usual, "; ", ";"), strings.ReplaceAll(usual, "; ", ";  "), strings.ReplaceAll(usual, "=", " ="),
			strings.ReplaceAll(usual, ";", " ;"), usual + "; " + names.JWT + "=x", usual + "; " + unscopedJWT + "=x", usual + `"`, usual + "\\", usual + " ", usual + "\x7f",
			strings.Replace(usual, "=0", `="0`, 1) + `"`, strings.Replace(usual, "=e", `="e`, 1), strings.Replace(usual, "eyJ", "", 1),
		} {
			f.Add(uint8(i), line, "")
		}
		codecs = append(codecs, newCodec(f, cookie.Config{Names: names}))
	}
	for _, line := range []string{
		pairs(documentedJWT, "a", plainRefresh, "b"), pairs(plainRefresh, `"a"`), pairs(plainRefresh, "a=b=="), pairs(plainRefresh, `a\b`),
		plainRefresh + " =\ta ;;= ;" + plainRefresh, pairs(plainRefresh, `"`), pairs(plainRefresh, "a\x00b", scopedRefresh, "é"),
		" \t" + unscopedJWT + "=x", plainRefresh + " b=a;" + plainRefresh + "\x01=a", strings.Repeat(plainRefresh+"=a;", 20),
	} {
		f.Add(uint8(0), line, "theme=dark")
		f.Add(uint8(0), "", line)
		f.Add(uint8(0), line, "")
	}
	f.Fuzz(func(t *testing.T, which uint8, first, second string) {
		if strings.Count(first+second, ";")+2 > cookie.MaxCookies {
			return // where releases of net/http differ
		}
		codec, names := codecs[int(which)%len(codecs)], fuzzed[int(which)%len(codecs)]
		lines := []string{first}
		if second != "" {
			lines = append(lines, second)
		}
		r := request(lines...)
		got, want := codec.Scan(r.Header["Cookie"]), map[string][]string{}
		for name := range got {
			want[name] = nil
			for _, c := range r.CookiesNamed(name) {
				if c.Value != "" && len(want[name]) < cookie.MaxValues {
					want[name] = append(want[name], c.Value)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
		jwt, refresh, ok := codec.UsualPair(r.Header["Cookie"])
		if !ok {
			return
		}
		usual := map[string][]string{}
		for name := range got {
			usual[name] = nil
		}
		usual[names.RefreshToken] = []string{refresh}
		if cookie.Plain(jwt) { // else the manager drops it
			usual[names.JWT] = []string{jwt}
		}
		if diff := cmp.Diff(got, usual); diff != "" {
			t.Errorf("usual pair (-scan +got):\n%s", diff)
		}
	})
}

// FuzzWriteRead sends what Write sets back, as a browser does.
func FuzzWriteRead(f *testing.F) {
	for _, test := range unfit {
		f.Add(test.jwt, test.refresh)
	}
	f.Add("a.b.c", "secret")
	f.Add("a b,c", `"`)
	f.Add(" a", "b ")
	codec := newCodec(f, cookie.Config{})
	f.Fuzz(func(t *testing.T, jwt, refresh string) {
		w := httptest.NewRecorder()
		if err := codec.Write(w, request(), grant(jwt, refresh)); err != nil {
			if !errors.Is(err, cookie.ErrUnfit) || len(w.Header()) > 0 {
				t.Fatalf("error %v, headers %v", err, w.Header())
			}
			return
		}
		var back []string
		for _, line := range w.Header()["Set-Cookie"] {
			pair, _, _ := strings.Cut(line, ";")
			back = append(back, pair)
		}
		r := request(strings.Join(back, "; "))
		got := codec.Scan(r.Header["Cookie"])
		want := map[string][]string{documentedJWT: {jwt}, plainRefresh: {refresh}, unscopedJWT: nil, scopedJWT: nil, scopedRefresh: nil}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
	})
}
