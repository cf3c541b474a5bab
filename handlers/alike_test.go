package handlers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Whether a token was never issued, has been revoked or has expired is told
// to nobody: the answers are the same to the letter.
func TestDeadTokensAreAnsweredAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, crossminttest.Config{InMemory: true, RefreshTokenLifetime: time.Hour}, session.Config{}, handlers.Config{})
		_, expired := k.expired()
		time.Sleep(2 * time.Hour)
		_, revoked := k.expired()
		k.fake.Revoke(revoked)
		answers := map[string]string{}
		for name, token := range map[string]string{"expired": expired, "revoked": revoked, "unknown": "nobody's"} {
			for place, r := range map[string]*http.Request{
				"cookie": post("/refresh", "{}", "", token), "body": post("/refresh", member(token), "", ""), "both": post("/refresh", member(token), "", token),
			} {
				res, body := k.serve(t, r)
				answers[name+", "+place] = fmt.Sprint(res.StatusCode, res.Header, body)
			}
		}
		for name, answer := range answers {
			if diff := cmp.Diff(answers["unknown, cookie"], answer); diff != "" {
				t.Errorf("%s (-unknown +this):\n%s", name, diff)
			}
		}
	})
}

// What a client writes into its request stays within the quotes of the error
// that a program logs.
func TestErrorsQuoteTheRequest(t *testing.T) {
	const evil = "x\u2028level=ERROR\x1b[31m\n\u202e"
	k := newKit(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
	requests := map[string]func(*http.Request){
		"method":           func(r *http.Request) { r.Method = evil },
		"origin":           func(r *http.Request) { r.Header["Origin"] = []string{evil}; r.Header.Del("Sec-Fetch-Site") },
		"fetch metadata":   func(r *http.Request) { r.Header["Sec-Fetch-Site"] = []string{evil} },
		"content type":     func(r *http.Request) { r.Header["Content-Type"] = []string{evil} },
		"content encoding": func(r *http.Request) { r.Header["Content-Encoding"] = []string{evil} },
		"user agent":       func(r *http.Request) { r.Header["User-Agent"] = []string{evil} },
	}
	for name, change := range requests {
		for _, path := range []string{"/refresh", "/logout"} {
			r := post(path, `{"refresh":1}`, "", "")
			change(r)
			before := len(k.errors)
			k.mux.ServeHTTP(new(nowhere), r)
			for _, text := range k.errors[before:] {
				if strings.ContainsAny(text, "\n\x1b\u2028\u202e") {
					t.Errorf("%s, %s: %q", path, name, text)
				}
			}
		}
	}
}

// nowhere is a ResponseWriter for answers that nobody reads.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}
