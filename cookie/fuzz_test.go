package cookie_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/google/go-cmp/cmp"
)

// FuzzScan compares the scanner with net/http's.
func FuzzScan(f *testing.F) {
	for _, line := range []string{
		pairs(documentedJWT, "a", plainRefresh, "b"), pairs(plainRefresh, `"a"`), pairs(plainRefresh, "a=b=="), pairs(plainRefresh, `a\b`),
		plainRefresh + " =\ta ;;= ;" + plainRefresh, pairs(plainRefresh, `"`), pairs(plainRefresh, "a\x00b", scopedRefresh, "é"),
		" \t" + unscopedJWT + "=x", plainRefresh + " b=a;" + plainRefresh + "\x01=a", strings.Repeat(plainRefresh+"=a;", 20),
	} {
		f.Add(line, "theme=dark")
		f.Add("", line)
		f.Add(line, "")
	}
	codec := newCodec(f, cookie.Config{})
	f.Fuzz(func(t *testing.T, first, second string) {
		if strings.Count(first+second, ";")+2 > cookie.MaxCookies {
			return // where releases of net/http differ
		}
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
		usual := map[string][]string{documentedJWT: {jwt}, plainRefresh: {refresh}, unscopedJWT: nil, scopedJWT: nil, scopedRefresh: nil}
		if !cookie.Plain(jwt) {
			usual[documentedJWT] = nil // the manager drops it
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
