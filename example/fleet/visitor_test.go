package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/example/fleet/internal/balancer"
)

// visitor is a browser that uses the balancer over a real socket.
type visitor struct {
	*testing.T
	url     string
	browser *http.Client
}

// visit starts a fleet and a browser.
func visit(t *testing.T, args ...string) *visitor {
	t.Helper()
	return newVisitor(t, startFleet(t, args...))
}

func newVisitor(t *testing.T, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t, address, &http.Client{Jar: jar, Transport: transport}}
}

// do sends a request and returns the status and the instance that responded. It
// decodes the body into into, unless that is nil.
func (v *visitor) do(method, path, body string, into any) (status int, instance string) {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := v.browser.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		v.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(content, into); err != nil {
			v.Fatalf("%s %s: %d %s: %v", method, path, response.StatusCode, content, err)
		}
	}
	return response.StatusCode, response.Header.Get(balancer.Header)
}

// want sends a request that must have this status.
func (v *visitor) want(status int, method, path string) (instance string) {
	v.Helper()
	got, instance := v.do(method, path, "", nil)
	if got != status {
		v.Errorf("%s %s: status %d, want %d", method, path, got, status)
	}
	return instance
}

func (v *visitor) signIn() {
	v.Helper()
	var login struct{ OneTimeSecret string }
	v.do("POST", "/demo/signin", "", &login)
	if status, _ := v.do("POST", "/api/refresh", `{"refresh":"`+login.OneTimeSecret+`"}`, nil); status != http.StatusOK {
		v.Fatalf("sign-in: status %d", status)
	}
}

// refreshToken returns the refresh token in the jar.
func (v *visitor) refreshToken() string {
	v.Helper()
	u, err := url.Parse(v.url)
	if err != nil {
		v.Fatal(err)
	}
	for _, c := range v.browser.Jar.Cookies(u) {
		if c.Name == "crossmint-refresh-token" {
			return c.Value
		}
	}
	return ""
}

// state is the state of the fleet, which the page polls.
type state struct {
	Instances []struct {
		Name    string
		Running bool
		PID     int
	}
	Store struct {
		Kind              string
		PID               int
		Frozen, CanFreeze bool
	}
	UpstreamCalls int
	Trap          bool
}

func (v *visitor) state() (s state) {
	v.Helper()
	v.do("GET", "/demo/state", "", &s)
	return s
}

// running returns the names of the instances that run.
func (v *visitor) running() (names []string) {
	v.Helper()
	for _, i := range v.state().Instances {
		if i.Running {
			names = append(names, i.Name)
		}
	}
	return names
}

// herd is the result of fifty concurrent requests.
type herd struct {
	Statuses, Instances map[string]int
	Cookies             int
	Upstream            []string
}

func (v *visitor) herd(query string) (h herd) {
	v.Helper()
	v.do("POST", "/demo/requests"+query, "", &h)
	return h
}
