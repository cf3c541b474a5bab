package middleware

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// ForwardAuth returns the handler that a proxy asks about each request to another
// application: with auth_request of nginx, forward authentication of Caddy or
// ForwardAuth of Traefik. docs/deployments.md has their configurations.
//
//	204  the session is valid; userHeader holds the user ID. Set-Cookie lines of a
//	     renewed session have to reach the browser.
//	401  as by [RequireSession]
//	425  as by RequireSession, if the proxy passes the header Early-Data on
//	503  as by RequireSession, with Retry-After; or Config.UnavailableStatus
//
// The proxy has to put userHeader into the request to the application in place of
// any value from the client. Each Set-Cookie line comes a second time in a header
// of its own, because nginx cannot read repeated headers: X-Set-Cookie-1 is the
// last line, X-Set-Cookie-2 the one before it. These headers contain the tokens, so
// browsers must not reach the path of this handler.
//
// ForwardAuth never redirects, because its own address is not the one that the
// browser asked for. To a first refusal it responds with 503; if X-Forwarded-Method
// says that the browser opens a page by GET, the header Refresh makes the browser
// load the same page again. Any other header X-Forwarded-… is ignored, because
// clients can forge it. The proxy redirects to a sign-in page on 401.
//
// ForwardAuth does not know when a browser has the cookies. As with [Session], the
// old refresh token gets the same session for an hour.
//
// Of config only Bearer and UnavailableStatus apply. ForwardAuth panics if sessions or cookies is nil,
// if userHeader has other characters than letters, digits and hyphens, or if SignIn
// or ErrorHandler is set: proxies take a redirect for an error, and any 2xx for a
// permission.
func ForwardAuth(sessions *session.Manager, cookies *cookie.Codec, userHeader string, config Config) http.Handler {
	a := newAuthenticator("ForwardAuth", sessions, cookies, config)
	switch {
	case userHeader == "" || strings.ContainsFunc(userHeader, isNoHeaderNameRune):
		panic(fmt.Sprintf("middleware: ForwardAuth: the header name %q is invalid", userHeader))
	case config.SignIn != nil || config.ErrorHandler != nil:
		panic("middleware: ForwardAuth: Config.SignIn and Config.ErrorHandler do not apply")
	}
	a.forwardAuth = true
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := a.authenticate(w, r)
		a.respond(w, r, &d, func(w http.ResponseWriter) {
			w.Header().Set("Cache-Control", "no-store") // also for the cache of the proxy
			if d.err != nil {
				forbid(w, r, d.err)
				return
			}
			w.Header().Set(userHeader, d.result.Session.UserID)
			w.WriteHeader(http.StatusNoContent)
		})
	})
}

// forbid responds to a proxy that must not pass r on. Its status is never 2xx.
func forbid(w http.ResponseWriter, r *http.Request, err error) {
	reply.RetryAfter(w, err)
	if reply.IsFirstRefusal(err) && r.Header.Get("X-Forwarded-Method") == http.MethodGet && reply.IsNavigation(r) {
		w.Header().Set("Refresh", w.Header().Get("Retry-After"))
	}
	reply.Refuse(w, r, err)
}

// isNoHeaderNameRune reports whether some proxy drops header names with c.
func isNoHeaderNameRune(c rune) bool {
	isAllowed := c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	return !isAllowed
}
