package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
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

// cachePrivate is shared like the values of Vary.
var cachePrivate = []string{"private"}

// forbidSharedCaches keeps a cache that ignores Vary from giving the page of one
// user to another. The handler, or a layer around the middleware, may know better.
func forbidSharedCaches(h http.Header) {
	if _, ok := h["Cache-Control"]; !ok {
		h["Cache-Control"] = cachePrivate
	}
}

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
// by the header Upgrade in HTTP/1.1, by CONNECT in later versions (RFC 8441). An offer
// of HTTP/2 or TLS is none: clients for Java make it with every request over plain http,
// and get an ordinary response (RFC 7540 §3.2, RFC 2817 §3.1).
func isUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return true
	}
	for _, value := range r.Header["Upgrade"] {
		for protocol := range strings.SplitSeq(strings.ToLower(value), ",") {
			if protocol = strings.TrimSpace(protocol); protocol != "h2c" && !strings.HasPrefix(protocol, "tls/") {
				return true
			}
		}
	}
	return false
}

// isSpeculative reports whether the browser fetches a page in advance. Of such
// responses it uses only those with a status of 2xx, and asks again for others. Frames
// of a page that is rendered in advance stay in it.
func isSpeculative(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Sec-Purpose"), "prefetch") && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// canRedirect reports whether every client may send r again elsewhere.
func canRedirect(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && !isUpgrade(r)
}

// canSignIn reports whether r is a navigation that Config.SignIn can help: the
// sign-in page cannot help a request for itself, and a browser that fetches a page in
// advance would show the redirect also after its user has signed in.
func (a *authenticator) canSignIn(r *http.Request) bool {
	if a.config.SignIn == nil || !canRedirect(r) || !reply.IsNavigation(r) || isSpeculative(r) {
		return false
	}
	if !a.isSignInPage(r) {
		return true
	}
	a.warnings.SignInPage(r, a.config.SignIn.Path)
	return false
}

// isSignInPage reports whether the browser asks for Config.SignIn, also behind
// http.StripPrefix. A proxy may have removed a prefix, too: then the last element of
// the path and return_to tell.
func (a *authenticator) isSignInPage(r *http.Request) bool {
	requested, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		requested = r.URL
	}
	page := path.Clean(a.config.SignIn.Path)
	asked := path.Clean(requested.Path)
	return asked == page || path.Base(asked) == path.Base(page) && requested.Query().Has(returnToParameter)
}

const (
	returnToParameter = "return_to"
	maxReturnToBytes  = 2048
	// maxLocationBytes leaves room for other headers in 4 KiB, the default of
	// nginx for all headers of a response.
	maxLocationBytes = 3072
)

// signInURL returns Config.SignIn with the path to return to.
func (a *authenticator) signInURL(r *http.Request) string {
	to := *a.config.SignIn
	query := to.Query()
	query.Del(returnToParameter)
	to.RawQuery = query.Encode()
	without := to.String()
	target := returnTo(r)
	if len(target) > maxReturnToBytes {
		return without
	}
	query.Set(returnToParameter, target)
	to.RawQuery = query.Encode()
	if location := to.String(); len(location) <= maxLocationBytes {
		return location
	}
	return without
}

// returnTo returns the path and the query that the browser asked for, byte for
// byte, also behind http.StripPrefix. It returns "/" for a path that a browser could
// take for another host. net/http/cgi and net/http/fcgi set the URL of a request only.
func returnTo(r *http.Request) string {
	requested := cmp.Or(r.RequestURI, r.URL.RequestURI())
	u, err := url.ParseRequestURI(requested)
	if err != nil {
		return "/"
	}
	local := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}
	switch {
	case !reply.LocalPath(local):
		return "/"
	case u.IsAbs(): // RFC 9112 §3.2.2, for proxies
		return local.RequestURI()
	}
	return requested
}
