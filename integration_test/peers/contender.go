package main

import (
	"context"
	"io"
	"net/http"
	"slices"
)

// kind is the kind of a contender.
type kind string

const (
	bare        kind = "bare" // without any protection
	ours        kind = "ours"
	aMiddleware kind = "middleware"
	aLibrary    kind = "library" // a verifier, with a middleware of this package
	anSDK       kind = "SDK"     // a call in every page
)

// checksSignature reports whether a contender checks a signature at every request.
func (k kind) checksSignature() bool { return k != bare && k != ours }

// The names of the contenders that the targets compare.
const (
	bareName  = "bare handler"
	againName = "bare handler, again" // shows the error of a measurement
	oursName  = "crossmint-go/auth"
)

// contender is one way to protect the page.
type contender struct {
	name string
	kind kind
	// build returns the protected page. Its background work ends with ctx.
	build func(ctx context.Context, s settings) (http.Handler, error)
}

// contenders are the Go contenders, the bare handler first.
var contenders = []contender{
	{bareName, bare, buildBare},
	{againName, bare, buildBare},
	{oursName, ours, buildOurs},
	{"auth0/go-jwt-middleware", aMiddleware, buildAuth0},
	{"clerk-sdk-go", aMiddleware, buildClerk},
	{"go-chi/jwtauth", aMiddleware, buildJWTAuth},
	{"golang-jwt + keyfunc", aLibrary, buildKeyfunc},
	{"coreos/go-oidc", aLibrary, buildOIDC},
}

// contenderByName returns the contender of that name, and whether there is one.
func contenderByName(name string) (c contender, ok bool) {
	all := append([]contender{bareJSON, constantJSON}, contenders...)
	i := slices.IndexFunc(all, func(c contender) bool { return c.name == name })
	if i < 0 {
		return contender{}, false
	}
	return all[i], true
}

// page writes the response of every contender's protected page: the user ID of the
// session. A writer keeps the request, so that no compiler can omit its copy.
func page(w http.ResponseWriter, r *http.Request, userID string) {
	if measured, ok := w.(*writer); ok {
		measured.lastRequest = r
	}
	w.Header()["Content-Type"] = plainText
	_, _ = io.WriteString(w, userID)
}

var plainText = []string{"text/plain; charset=utf-8"}

// reject responds for contenders without an error response of their own.
func reject(w http.ResponseWriter) {
	http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
}

// fromCookie returns the JWT in the cookie of r, or "".
func fromCookie(r *http.Request) string {
	c, err := r.Cookie(jwtCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// buildBare returns the page without any protection.
func buildBare(_ context.Context, s settings) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page(w, r, s.UserID) }), nil
}
