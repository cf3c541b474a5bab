package httpclients_test

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// storedFrom returns whether the client sends a cookie back to that site.
func storedFrom(t *testing.T, c running, host string, https bool, line string) string {
	t.Helper()
	site := serve(t, https, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set" {
			w.Header().Add("Set-Cookie", "other=1")
			w.Header().Add("Set-Cookie", line)
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	}))
	site = strings.Replace(site, "127.0.0.1", host, 1)
	sender := c.newSender(t, false)
	sender.send(t, request{Method: "GET", URL: site + "/set"})
	cookies := sender.send(t, request{Method: "GET", URL: site}).Body
	switch {
	case cookies == "":
		return "no jar"
	case cookies == "other=1":
		return "not sent"
	case strings.Contains(cookies, "c=1"):
		return "sent"
	}
	t.Errorf("cookies %q", cookies)
	return cookies
}

// deleted returns whether Max-Age=0 deletes a cookie of the client.
func deleted(t *testing.T, c running) string {
	t.Helper()
	site := serve(t, true, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/set":
			w.Header().Set("Set-Cookie", "c=1; Max-Age=1000; Path=/")
		case "/delete":
			w.Header().Set("Set-Cookie", "c=; Max-Age=0; Path=/")
		}
		_, _ = io.WriteString(w, r.Header.Get("Cookie"))
	}))
	sender := c.newSender(t, false)
	sender.send(t, request{Method: "GET", URL: site + "/set"})
	if sender.send(t, request{Method: "GET", URL: site + "/delete"}).Body == "" {
		return "no jar"
	}
	if cookies := sender.send(t, request{Method: "GET", URL: site}).Body; cookies != "" {
		return "sent"
	}
	return "deleted"
}

// loggedOut returns the cookies that the client sends after a logout, which deletes those
// of the session at once.
func loggedOut(t *testing.T, c running) string {
	t.Helper()
	if !c.hasJar {
		return "no jar"
	}
	s := newSite(t, options{})
	sender := c.newSender(t, false)
	got := s.sendExpired(t, sender, c, "POST", "/logout")
	if got.Status != http.StatusNoContent {
		t.Errorf("status %d, want 204", got.Status)
	}
	sender.send(t, request{Method: "GET", URL: s.url + "/"})
	var names []string
	for _, c := range s.requestsTo("/")[0].cookies {
		names = append(names, "`"+c.Name+"`")
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// marker is the cookie that the 307 sets.
const marker = "crossmint-refresh-token-refused"

// askedAgain returns how the client follows the 307 after the first refusal of its
// refresh token.
func askedAgain(t *testing.T, c running, method, path string) string {
	t.Helper()
	s := newSite(t, options{})
	s.Fake.Revoke(s.expired.RefreshToken.Secret.Reveal())
	got := s.sendExpired(t, c.newSender(t, false), c, method, path)
	all := s.requestsTo(path)
	switch {
	case got.Error != "":
		t.Logf("the error of the client: %s", got.Error)
		return "error"
	case len(all) != 2 || got.Status != http.StatusUnauthorized:
		return fmt.Sprintf("%d requests, the last with %d", len(all), got.Status)
	case all[1].method != method || all[1].body != all[0].body:
		return fmt.Sprintf("followed as %s with %q", all[1].method, all[1].body)
	}
	for _, c := range all[1].cookies {
		if c.Name == marker {
			return "followed"
		}
	}
	return "old cookies"
}

const (
	// retryAfter is what upstream asks for in an outage, and therefore the kit.
	retryAfter = 4 * time.Second
	// refreshTimeout is shorter, so that the kit does not wait for upstream by itself.
	refreshTimeout = 3 * time.Second
)

// repeated returns whether the client sends a request again after a 503.
func repeated(t *testing.T, c running, method, path string, retries bool) string {
	t.Helper()
	if retries && !c.hasRetries {
		return "no setting"
	}
	s := newSite(t, options{sessions: session.Config{RefreshTimeout: refreshTimeout, RefreshBudget: refreshTimeout}})
	outage := crossminttest.Status(http.StatusServiceUnavailable, "application/json", `{}`)
	s.Fake.Fail(crossminttest.Refresh, outage.With("Retry-After", fmt.Sprint(retryAfter.Seconds())))
	got := s.sendExpired(t, c.newSender(t, retries), c, method, path)
	all := s.requestsTo(path)
	switch {
	case len(all) == 1 && got.Status == http.StatusServiceUnavailable:
		return "not repeated"
	case len(all) > 1 && all[1].at.Sub(all[0].at) < retryAfter-100*time.Millisecond: // timers are not exact
		return "too early"
	case len(all) != 2 || got.Status != http.StatusOK:
		return fmt.Sprintf("%d requests, the last with %d", len(all), got.Status)
	}
	return "repeated"
}
