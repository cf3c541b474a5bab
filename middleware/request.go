package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// Common values of Vary. All responses share them: net/http and its users
// replace the values of a header and never change them in place.
var (
	varyCookie = []string{"Cookie"}
	varyBearer = []string{"Cookie, Authorization"}
)

// addVary tells caches that the response depends on the cookies.
func (a *authenticator) addVary(h http.Header) {
	value := varyCookie
	if a.config.Bearer {
		value = varyBearer
	}
	if before := h["Vary"]; len(before) > 0 {
		value = append(before[:len(before):len(before)], value...)
	}
	h["Vary"] = value
}

// bearer returns the JWT of an Authorization header. It reports whether there is
// one and Config.Bearer is set.
func (a *authenticator) bearer(r *http.Request) (jwt session.Secret, ok bool) {
	if a.config.Bearer {
		jwt, ok = session.BearerToken(r.Header["Authorization"]...)
	}
	return jwt, ok
}

// isUpgrade reports whether r asks for another protocol, for example WebSocket:
// by the header Upgrade in HTTP/1.1, by CONNECT in later versions (RFC 8441).
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0
}

// canRedirect reports whether every client may send r again elsewhere.
func canRedirect(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !isUpgrade(r)
}

// isNavigation reports whether r opens a page, rather than coming from a script.
// Fetch metadata tells that; for older browsers Accept does.
func isNavigation(r *http.Request) bool {
	if !canRedirect(r) {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// signInURL returns Config.SignIn with the path to return to.
func (a *authenticator) signInURL(r *http.Request) string {
	to := *a.config.SignIn
	query := to.Query()
	query.Set("return_to", returnTo(r))
	to.RawQuery = query.Encode()
	return to.String()
}

// returnTo returns the path and the query that the browser asked for, also
// behind http.StripPrefix. It returns "/" for a path that a browser could take for
// another host.
func returnTo(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return "/"
	}
	local := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	if !reply.LocalPath(local) {
		return "/"
	}
	return local.RequestURI()
}
