package main

import (
	"context"
	"io"
	"net/http"
	"slices"
)

// kind says how much of the work a contender does by itself.
type kind string

const (
	bare        kind = "bare"
	aControl    kind = "control" // a part of what ours does
	ours        kind = "ours"
	aMiddleware kind = "middleware"
	aLibrary    kind = "library" // a verifier, the middleware around it by hand
	anSDK       kind = "SDK"     // a call, to be made by every page
)

// checks reports whether a contender checks a signature at every request.
func (k kind) checks() bool { return k != bare && k != aControl && k != ours }

// The names of those that the targets speak of, and of those that help to read
// the others' figures.
const (
	bareName  = "bare handler"
	againName = "bare handler, again" // how far two equal figures are apart
	copyName  = "copied request and Vary"
	leastName = "one known JWT"
	oursName  = "crossmint-go/auth"
)

// contender is one way to protect the page.
type contender struct {
	name string
	kind kind
	// build returns the protected page. What works in the background ends
	// with ctx.
	build func(ctx context.Context, s settings) (http.Handler, error)
}

// contenders are all that are written in Go, the bare handler first.
var contenders = []contender{
	{bareName, bare, buildBare},
	{againName, bare, buildBare},
	{copyName, aControl, buildCopying},
	{leastName, aControl, buildLeast},
	{oursName, ours, buildOurs},
	{"auth0/go-jwt-middleware", aMiddleware, buildAuth0},
	{"clerk-sdk-go", aMiddleware, buildClerk},
	{"go-chi/jwtauth", aMiddleware, buildJWTAuth},
	{"golang-jwt + keyfunc", aLibrary, buildKeyfunc},
	{"coreos/go-oidc", aLibrary, buildOIDC},
}

// named returns the contender of that name, and whether there is one.
func named(name string) (c contender, ok bool) {
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
	if i < 0 {
		return contender{}, false
	}
	return contenders[i], true
}

// page is the answer of every contender's protected page. It shows that the
// session has arrived there, and keeps the request where its cost is measured.
func page(w http.ResponseWriter, r *http.Request, userID string) {
	if measured, ok := w.(*writer); ok {
		measured.kept = r
	}
	w.Header()["Content-Type"] = plainText
	_, _ = io.WriteString(w, userID)
}

var plainText = []string{"text/plain; charset=utf-8"}

// refuse is the answer where a contender has none of its own.
func refuse(w http.ResponseWriter) {
	http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
}

// fromCookie returns the JWT that r presents, or "".
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
