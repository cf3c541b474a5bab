package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/example/fleet/internal/store"
	"github.com/google/go-cmp/cmp"
)

const expired = "?expired=1"

func TestJourney(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.want(401, "GET", "/api/me")
	v.signIn()
	responses := map[string]int{}
	for range 6 {
		responses[v.want(200, "GET", "/api/me")]++
	}
	if diff := cmp.Diff(map[string]int{"A": 3, "B": 3}, responses); diff != "" {
		t.Errorf("responses by instance (-want +got):\n%s", diff)
	}
	before := v.refreshToken()
	v.want(204, "POST", "/demo/expire")
	v.want(200, "GET", "/api/me")
	if v.refreshToken() == before {
		t.Error("an expired JWT was not refreshed")
	}
	v.want(204, "POST", "/api/logout")
	v.want(401, "GET", "/api/me")
	v.want(401, "GET", "/api/me")
}

func TestHerd(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.signIn()
	if diff := cmp.Diff(herd{Statuses: map[string]int{"200": 50}, Instances: map[string]int{"A": 25, "B": 25}, Upstream: []string{}}, v.herd("")); diff != "" {
		t.Errorf("50 requests with a valid JWT (-want +got):\n%s", diff)
	}
	wantOneCall(t, v.herd(expired))
	v.want(200, "GET", "/api/me") // with the cookies that the fifty got
}

// wantOneCall fails the test unless fifty requests at once shared one refresh.
func wantOneCall(t *testing.T, got herd) {
	t.Helper()
	want := herd{Statuses: map[string]int{"200": 50}, Instances: map[string]int{"A": 25, "B": 25}, Cookies: 1, Upstream: got.Upstream}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("50 requests with an expired JWT (-want +got):\n%s", diff)
	}
	if len(got.Upstream) != 1 {
		t.Errorf("upstream was asked by %q, want one", got.Upstream)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	v := visit(t)
	if kind := v.state().Store.Kind; kind != store.Embedded {
		t.Errorf("the store is %q", kind)
	}
	v.want(409, "POST", "/demo/freeze")
	v.signIn()
	wantOneCall(t, v.herd(expired))
}

func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.signIn()
	v.want(204, "POST", "/demo/kill/B")
	v.want(409, "POST", "/demo/kill/B")
	v.want(409, "POST", "/demo/kill/unknown")
	if diff := cmp.Diff([]string{"A"}, v.running()); diff != "" {
		t.Errorf("running (-want +got):\n%s", diff)
	}
	h := v.herd(expired)
	if diff := cmp.Diff(herd{Statuses: map[string]int{"200": 50}, Instances: map[string]int{"A": 50}, Cookies: 1, Upstream: []string{"A"}}, h); diff != "" {
		t.Errorf("50 requests to the remaining instance (-want +got):\n%s", diff)
	}
	v.want(204, "POST", "/demo/kill/A")
	v.want(503, "GET", "/api/me")
	v.want(204, "POST", "/demo/restart/A")
	v.want(204, "POST", "/demo/restart/B")
	v.want(409, "POST", "/demo/restart/B")
	wantOneCall(t, v.herd(expired))
}

func TestInstanceIsKilledInMidRefresh(t *testing.T) {
	t.Parallel()
	v := visit(t)
	v.signIn()
	before := v.state().UpstreamCalls
	v.want(204, "POST", "/demo/trap")
	h := v.herd(expired)
	if diff := cmp.Diff(map[string]int{"200": 50}, h.Statuses); diff != "" {
		t.Errorf("50 requests, one instance killed in the middle of their refresh (-want +got):\n%s", diff)
	}
	if len(h.Upstream) != 2 || h.Upstream[0] == h.Upstream[1] || h.Cookies != 1 {
		t.Errorf("upstream was asked by %q, %d sets of cookies; want one, then the other, and 1", h.Upstream, h.Cookies)
	}
	if diff := cmp.Diff(h.Upstream[1:], v.running()); diff != "" {
		t.Errorf("running (-want +got):\n%s", diff)
	}
	v.want(200, "GET", "/api/me")
	if calls := v.state().UpstreamCalls - before; calls != 2 {
		t.Errorf("upstream was asked %d times, want 2", calls)
	}
}

func TestStoreFreezes(t *testing.T) {
	t.Parallel()
	v := visit(t, "-store=redis-server")
	v.signIn()
	v.want(204, "POST", "/demo/freeze")
	if !v.state().Store.Frozen {
		t.Error("the state does not show that the store is frozen")
	}
	if h := v.herd(""); h.Statuses["200"] != 50 || len(h.Upstream) != 0 {
		t.Errorf("valid sessions noticed: %+v", h)
	}
	if h := v.herd(expired); h.Statuses["200"] != 50 || len(h.Upstream) > 2 {
		t.Errorf("each instance by itself: %+v", h)
	}
	v.want(204, "POST", "/demo/thaw")
	until(t, "refreshes were shared again", func() bool { return len(v.herd(expired).Upstream) == 1 })
	v.want(200, "GET", "/api/me")
}

func TestPage(t *testing.T) {
	t.Parallel()
	v := visit(t)
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/assets/style.css": "text/css; charset=utf-8", "/assets/app.js": "text/javascript; charset=utf-8",
	} {
		res, err := v.browser.Get(v.url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: %d %q (%v)", path, res.StatusCode, res.Header.Get("Content-Type"), err)
		}
		if strings.Contains(string(body), "://") {
			t.Errorf("%s names another host", path)
		}
		if res.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s has no policy", path)
		}
	}
}

func TestOtherSitesAreRejected(t *testing.T) {
	t.Parallel()
	v := visit(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+"/demo/kill/A", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, err := v.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden || len(v.running()) != 2 {
		t.Errorf("status %d, running %q", res.StatusCode, v.running())
	}
}
