package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestMain serves a contender if a test has started this executable as a server.
func TestMain(m *testing.M) {
	if name := os.Getenv(serveVariable); name != "" {
		if err := serve(name, os.Stdin, os.Stdout); err != nil {
			log.Fatal(name, ": ", err)
		}
		return
	}
	os.Exit(m.Run())
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// visitor is a browser with a JWT.
type visitor struct {
	name, jwt string
	passes    bool
}

func visitors(up *upstream) []visitor {
	return []visitor{
		{"valid", up.JWT(up.user), true},
		{"forged", up.ForgedJWT(up.user), false},
		{"expired", up.ExpiredJWT(up.user), false},
		{"of another project", up.ForeignJWT(up.user), false},
		{"malformed", "not-a-jwt", false},
		{"valid, once more", up.JWT(up.user), true},
	}
}

// expect checks a response. The refresh tokens of all visitors are forged.
func (v visitor) expect(t *testing.T, res *http.Response, page string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fatal(t, err)
	switch rejected := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden; {
	case v.passes && (res.StatusCode != http.StatusOK || string(body) != page):
		t.Errorf("%s: %d %q, want the page", v.name, res.StatusCode, body)
	case !v.passes && (!rejected || strings.Contains(string(body), page)):
		t.Errorf("%s: %d %q, want a rejection", v.name, res.StatusCode, body)
	}
}

func (v visitor) visit(handler http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, newRequest(cookies(jwtCookie, v.jwt, "forged")))
	return w
}

func TestContendersRejectInvalidTokens(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	for _, c := range contenders {
		if c.kind == bare {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			handler, err := c.build(t.Context(), up.settings)
			fatal(t, err)
			for _, v := range visitors(up) {
				w := v.visit(handler)
				if !v.passes && w.Code == http.StatusTemporaryRedirect && w.Header().Get("Location") == "?" && w.Body.Len() == 0 {
					w = v.visit(handler) // upstream's first refusal: a browser tries again once
				}
				v.expect(t, w.Result(), up.user.ID)
			}
		})
	}
}

func TestJavaScriptSDKRejectsInvalidTokens(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	fatal(t, install(t.Context()))
	server, err := startNode(t.Context(), nodeSDKName, up.settings)
	fatal(t, err)
	t.Cleanup(server.stop)
	for _, v := range visitors(up) {
		r, err := http.NewRequest(http.MethodGet, "http://"+server.address, nil)
		fatal(t, err)
		r.Header.Set("Cookie", cookies(nodeJWTCookie, v.jwt, "forged"))
		res, err := http.DefaultClient.Do(r)
		fatal(t, err)
		v.expect(t, res, up.user.ID)
	}
}

func TestQuickRunPrintsEveryRow(t *testing.T) {
	p := tiny
	p.js = true
	var out bytes.Buffer
	_, err := run(t.Context(), p, &out)
	fatal(t, err)
	names := []string{rsaName, bareJSONName, constantJSONName, exampleName, nodeBareName, nodeSDKName, twoCoresTarget, exampleTarget, httpBareTarget, httpPeerTarget, httpNodeTarget}
	for _, c := range contenders {
		names = append(names, c.name)
	}
	for _, name := range names {
		if !strings.Contains(out.String(), "\n  "+name+" ") {
			t.Errorf("no row for %s", name)
		}
	}
	_, targets, _ := strings.Cut(out.String(), "\nTargets\n")
	if n := strings.Count(targets, "  PASS") + strings.Count(targets, "  FAIL"); n != 15 {
		t.Errorf("%d targets, want 15", n)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestCheckTargets(t *testing.T) {
	tests := []struct {
		name string
		add  func(r *report)
		want bool
	}{
		{"equal to an upper limit", func(r *report) { r.atMost("a", 2, 2) }, true},
		{"above an upper limit", func(r *report) { r.atMost("a", 2.01, 2) }, false},
		{"equal to a lower limit", func(r *report) { r.atLeast("a", 4, 4) }, true},
		{"below a lower limit", func(r *report) { r.atLeast("a", 3.99, 4) }, false},
		{"below a lower limit, like the bare handler", func(r *report) { r.atLeastWithBare("a", 3.99, 4, 3.99) }, false},
		{"left out", func(r *report) { r.leftOut("a", "left out") }, false},
		{"one of two targets missed", func(r *report) { r.atMost("a", 3, 2); r.atMost("b", 1, 2) }, false},
	}
	for _, test := range tests {
		r := &report{out: io.Discard}
		test.add(r)
		if got := r.checkTargets(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestServeUnknownContender(t *testing.T) {
	if err := serve("unknown", strings.NewReader(""), io.Discard); err == nil {
		t.Error("no error")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(ctx, tiny, io.Discard); err == nil {
		t.Error("no error")
	}
}
