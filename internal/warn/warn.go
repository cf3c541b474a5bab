// Package warn reports mistakes in the setup of a program that only a request
// shows.
package warn

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/internal/ttlmap"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Warnings reports each mistake once, as an event of the outcome Misconfigured. A
// middleware or a handler has one of its own. It is safe for concurrent use, and
// must not be copied after its first use.
type Warnings struct {
	Sessions *session.Manager
	Op       string // of the events

	writeTimeout, ignoredBearer, signInPage, lostCookies sync.Once

	plainHTTP atomic.Bool // reported: no sync.Once, so that later renewals skip the check

	mu       sync.Mutex // guards renewals
	renewals *ttlmap.Map[[sha256.Size]byte, time.Time]
}

func (w *Warnings) report(r *http.Request, err error) {
	w.Sessions.Report(r.Context(), event.Event{Outcome: event.Misconfigured, Op: w.Op, Err: err})
}

// WriteTimeout reports a server that ends a response while its request may still wait:
// for the time that wait returns, because of what reason names. WriteTimeout checks the
// first request only, so that later ones do not pay for it.
func (w *Warnings) WriteTimeout(r *http.Request, reason string, wait func(session.Health) time.Duration) {
	w.writeTimeout.Do(func() {
		server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
		if server == nil || server.WriteTimeout <= 0 {
			return
		}
		if longest := wait(w.Sessions.Health()); server.WriteTimeout <= longest {
			w.report(r, fmt.Errorf("http.Server.WriteTimeout is %v, and a request may wait %v (%s), after which its response would be lost; "+
				"set WriteTimeout to a longer time", server.WriteTimeout, longest, reason))
		}
	})
}

// PlainHTTP reports that the response to r sets Secure cookies, which browsers reject
// over plain http, unless the host is their own machine.
func (w *Warnings) PlainHTTP(r *http.Request, response http.Header) {
	isSecure := func(line string) bool { return strings.Contains(line, "; Secure") }
	if w.plainHTTP.Load() || !isPlainHTTP(r) || !slices.ContainsFunc(response["Set-Cookie"], isSecure) {
		return
	}
	if w.plainHTTP.CompareAndSwap(false, true) {
		w.report(r, fmt.Errorf("plain http for the host %+.100q: browsers reject the Secure cookies of the response; "+
			"use https, or localhost for tests; a proxy that ends TLS has to send X-Forwarded-Proto", r.Host))
	}
}

// isPlainHTTP reports whether the browser has sent r over plain http to another
// machine. Browsers send Fetch metadata only over https and to their own machine.
func isPlainHTTP(r *http.Request) bool {
	if r.TLS != nil || r.Header.Get("Sec-Fetch-Site") != "" || strings.HasPrefix(r.Header.Get("Origin"), "https://") {
		return false
	}
	return !isForwardedHTTPS(r.Header) && !netutil.IsLoopback((&url.URL{Host: r.Host}).Hostname())
}

// isForwardedHTTPS reports whether a proxy says that it was asked over TLS. The
// headers decide about a warning only, so they need no trust.
func isForwardedHTTPS(h http.Header) bool {
	proto := strings.ToLower(strings.Join(h["X-Forwarded-Proto"], ","))
	forwarded := strings.ReplaceAll(strings.ToLower(strings.Join(h["Forwarded"], ",")), `"`, "")
	return strings.Contains(proto, "https") || strings.Contains(proto, "wss") || strings.Contains(forwarded, "proto=https")
}

var errIgnoredBearer = errors.New("a request without session cookies has a JWT in its Authorization header, which is ignored; " +
	"set middleware.Config.Bearer to accept such JWTs")

// IgnoredBearer reports that r has no session cookies, but a JWT in the Authorization
// header, which the configuration ignores.
func (w *Warnings) IgnoredBearer(r *http.Request) {
	const dots = 2 // in a signed JWT (RFC 7515 §3.1); other tokens are for other code
	if jwt, ok := session.BearerToken(r.Header["Authorization"]...); ok && strings.Count(jwt.Reveal(), ".") == dots {
		w.ignoredBearer.Do(func() { w.report(r, errIgnoredBearer) })
	}
}

// SignInPage reports that the sign-in page itself needs a session.
func (w *Warnings) SignInPage(r *http.Request, path string) {
	w.signInPage.Do(func() {
		w.report(r, fmt.Errorf("the page of middleware.Config.SignIn, %q, is behind RequireSession itself; mount it outside", path))
	})
}

const (
	// arrivalTime is the time after which a browser that still presents the old
	// refresh token has not got the new cookies: requests that were on their way then
	// have arrived.
	arrivalTime = 15 * time.Second
	// renewalTTL is as long as the session manager keeps a session that no browser has.
	renewalTTL = bounds.UsedTTL
	// maxRenewals bounds the remembered renewals, of about 100 bytes each.
	maxRenewals = 1 << 12
)

// RenewedByCall notes a session that middleware.Session has renewed for an old refresh
// token. If the browser presents that again much later, RenewedByCall reports that the
// new cookies did not arrive: net/http ignores them once the response has begun, and
// does not report it.
func (w *Warnings) RenewedByCall(r *http.Request, old session.Secret) {
	token := sha256.Sum256([]byte(old.Reveal()))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.renewals == nil {
		w.renewals = ttlmap.New[[sha256.Size]byte, time.Time](renewalTTL, maxRenewals)
	}
	before, again := w.renewals.Get(token)
	switch {
	case !again:
		w.renewals.Put(token, time.Now())
	case time.Since(before) >= arrivalTime:
		w.lostCookies.Do(func() {
			w.report(r, fmt.Errorf("middleware.Session has renewed a session %v ago, and its cookies did not reach the browser; "+
				"call Session before the response is written, or use RequireSession", time.Since(before).Round(time.Second)))
		})
	}
}
