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

// The processes that a test starts are this test's executable.
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

// visitor is a browser with some JWT.
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
		{"no JWT", "not-a-jwt", false},
		{"valid, once more", up.JWT(up.user), true},
	}
}

// expect looks at an answer. Nobody's refresh token works here.
func (v visitor) expect(t *testing.T, res *http.Response, page string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fatal(t, err)
	switch refused := res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden; {
	case v.passes && (res.StatusCode != http.StatusOK || string(body) != page):
		t.Errorf("%s: %d %q, want the page", v.name, res.StatusCode, body)
	case !v.passes && (!refused || strings.Contains(string(body), page)):
		t.Errorf("%s: %d %q, want a refusal", v.name, res.StatusCode, body)
	}
}

func TestContenderRefusesWhatIsNotValid(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	for _, c := range contenders {
		if c.kind == bare || c.name == copyName {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			handler, err := c.build(t.Context(), up.settings)
			fatal(t, err)
			for _, v := range visitors(up) {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, newRequest(cookies(jwtCookie, v.jwt, "made-up")))
				v.expect(t, w.Result(), up.user.ID)
			}
		})
	}
}

func TestJavaScriptSDKRefusesWhatIsNotValid(t *testing.T) {
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
		r.Header.Set("Cookie", cookies(nodeJWTCookie, v.jwt, "made-up"))
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
	names := []string{rsaName, nodeBareName, nodeSDKName, twoCoresTarget, httpBareTarget, httpPeerTarget, httpNodeTarget}
	for _, c := range contenders {
		names = append(names, c.name)
	}
	for _, name := range names {
		if !strings.Contains(out.String(), "\n  "+name+" ") {
			t.Errorf("no row for %s", name)
		}
	}
	_, targets, _ := strings.Cut(out.String(), "\nTargets\n")
	if judged := strings.Count(targets, "  PASS") + strings.Count(targets, "  FAIL"); judged != 11 {
		t.Errorf("%d targets are judged, want 11", judged)
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

// What stands beside ours as a part of it must allocate as much.
func TestControlsAllocateAsMuchAsOurs(t *testing.T) {
	up, err := newUpstream("RS256")
	fatal(t, err)
	t.Cleanup(up.close)
	allocated := func(c contender) sample {
		handler, err := c.build(t.Context(), up.settings)
		fatal(t, err)
		w, request := newWriter(), newRequest(up.valid(jwtCookie))
		s := measure(20_000, w.renew, func() { w.serve(handler, request) })
		fatal(t, w.passed(up.user.ID))
		return s
	}
	kit, _ := named(oursName)
	own := allocated(kit)
	for _, c := range contenders {
		if c.kind != aControl {
			continue
		}
		if s := allocated(c); int(own.bytes) != int(s.bytes) || int(own.allocs) != int(s.allocs) {
			t.Errorf("ours: %.2f bytes in %.2f allocations; %s: %.2f in %.2f", own.bytes, own.allocs, c.name, s.bytes, s.allocs)
		}
	}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name string
		add  func(r *report)
		want bool
	}{
		{"no more than the limit", func(r *report) { r.atMost("a", 2, 2) }, true},
		{"more than the limit", func(r *report) { r.atMost("a", 2.01, 2) }, false},
		{"no less than the limit", func(r *report) { r.atLeast("a", 4, 4) }, true},
		{"less than the limit", func(r *report) { r.atLeast("a", 3.99, 4) }, false},
		{"less than the limit, as all on this machine", func(r *report) { r.atLeastBeside("a", 3.99, 4, 3.99) }, false},
		{"left out", func(r *report) { r.leftOut("a", "left out") }, false},
		{"one of two missed", func(r *report) { r.atMost("a", 3, 2); r.atMost("b", 1, 2) }, false},
	}
	for _, test := range tests {
		r := &report{out: io.Discard}
		test.add(r)
		if got := r.judge(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestServeUnknownContender(t *testing.T) {
	if err := serve("nobody", strings.NewReader(""), io.Discard); err == nil {
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
