package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// The usual values of Vary. They are shared by all answers and have no room
// to append to: net/http and its users replace a header's values, never
// change them in place.
var (
	varyCookie = []string{"Cookie"}
	varyBearer = []string{"Cookie, Authorization"}
)

// vary tells caches that the answer depends on who asks.
func (g *gate) vary(h http.Header) {
	value := varyCookie
	if g.config.Bearer {
		value = varyBearer
	}
	if before := h["Vary"]; len(before) > 0 {
		value = append(before[:len(before):len(before)], value...)
	}
	h["Vary"] = value
}

// bearer returns the JWT of an Authorization header, and whether there is
// such a header and Config.Bearer asks for it.
func (g *gate) bearer(r *http.Request) (jwt session.Secret, ok bool) {
	if g.config.Bearer {
		jwt, ok = session.BearerToken(r.Header["Authorization"]...)
	}
	return jwt, ok
}

// navigates reports whether r comes from a person who goes to a page, rather
// than from a script: Fetch metadata tell, and in older browsers the types
// that it accepts.
func navigates(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// signInURL returns Config.SignIn with the place to return to.
func (g *gate) signInURL(r *http.Request) string {
	to := *g.config.SignIn
	query := to.Query()
	query.Set("return_to", returnTo(r))
	to.RawQuery = query.Encode()
	return to.String()
}

// returnTo returns the path and the query that the browser asked for, also
// behind http.StripPrefix, or "/" where they could be taken for another host.
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
