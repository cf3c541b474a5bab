package middleware

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// Config configures the middleware. The zero value reads cookies only and
// answers errors in JSON.
type Config struct {
	// Bearer takes a JWT from an Authorization header, too, as native clients
	// send it. Such a request's cookies are ignored, it needs no refresh
	// token, and nothing is set or cleared.
	Bearer bool
	// SignIn is where navigations without a session are sent (303, with the
	// path they wanted in the query parameter return_to): a path on this
	// host. Requests of scripts, and those that cannot be decided now, are
	// answered as without it. nil: no redirect.
	//
	// A navigation is a GET or HEAD with Sec-Fetch-Mode: navigate, or without
	// that header with an Accept that has text/html.
	//
	// A sign-in page must treat return_to as any user's input.
	SignIn *url.URL
	// ErrorHandler answers in place of the default. When it runs, cookies
	// that had to be cleared are, and Retry-After and Cache-Control are set.
	// The error is a *session.AuthenticationError (401) or is
	// session.ErrUnavailable (503). Its text is for logs, not for browsers.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

// RequireSession returns a middleware that lets only requests with a valid
// session pass; handlers find it with session.FromContext. Others get 401,
// or 503 where it cannot be decided now; cookies are cleared only when
// upstream has definitely refused them.
//
// Inside another middleware with the same manager it uses that one's result.
// It panics, when it is wired, if sessions or cookies is nil or SignIn is not
// a path on this host.
func RequireSession(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.Handler) http.Handler {
	g := newGate("RequireSession", sessions, cookies, config)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			result, room, err := g.pass(w, r)
			if err != nil {
				g.refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, carry(r, result, room))
		})
	}
}

// OptionalSession returns a middleware that always runs the next handler.
// session.FromContext tells it whether there is a session, and
// session.ErrorFromContext why there is none: a public page must not fall
// with upstream. Cookies are renewed and cleared as RequireSession does.
func OptionalSession(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.Handler) http.Handler {
	g := newGate("OptionalSession", sessions, cookies, config)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			result, room, _ := g.pass(w, r)
			next.ServeHTTP(w, carry(r, result, room))
		})
	}
}

// Session returns a call that does what RequireSession does and leaves the
// answer to its caller: the documented getSession(request, response). Renewed
// cookies are set, and dead ones cleared, on w; so call it before anything is
// written. The error is as Config.ErrorHandler receives it.
func Session(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.ResponseWriter, *http.Request) (*session.AuthSession, error) {
	g := newGate("Session", sessions, cookies, config)
	return func(w http.ResponseWriter, r *http.Request) (*session.AuthSession, error) {
		result, _, err := g.pass(w, r)
		return result.Session, err
	}
}

// StatusOf returns the status with which the middleware answers an error: 401,
// 503, or 500 for one that is none of its own. Errors of [Session] and of
// Config.ErrorHandler are its own.
func StatusOf(err error) int { return reply.StatusOf(err) }

// gate is what the three have in common.
type gate struct {
	sessions *session.Manager
	cookies  *cookie.Codec
	config   Config
}

func newGate(name string, sessions *session.Manager, cookies *cookie.Codec, config Config) *gate {
	switch {
	case sessions == nil:
		panic("middleware: " + name + ": the session manager is nil")
	case cookies == nil:
		panic("middleware: " + name + ": the cookie codec is nil")
	case config.SignIn != nil && !reply.LocalPath(config.SignIn):
		panic(fmt.Sprintf("middleware: %s: Config.SignIn must be a path on this host, not %q", name, config.SignIn))
	}
	if config.SignIn != nil {
		checked := *config.SignIn
		config.SignIn = &checked
	}
	return &gate{sessions, cookies, config}
}

// pass authenticates r and sets on w what has to be set whatever follows. It
// returns room for the copy of r that is to carry the result, or nil, or r
// itself, where an outer middleware has seen to that.
func (g *gate) pass(w http.ResponseWriter, r *http.Request) (session.Result, *http.Request, error) {
	if s, err, ok := g.sessions.Resume(r.Context()); ok {
		return session.Result{Session: s}, r, err
	}
	g.vary(w.Header())
	if jwt, ok := g.bearer(r); ok {
		result, err := g.sessions.Verify(r.Context(), jwt)
		if reply.StatusOf(err) == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
		return result, nil, err
	}
	material, room := g.cookies.ReadWithRoom(r)
	upgrading := session.WithoutEarlyRefresh(func() bool { return upgrades(r) })
	result, err := g.sessions.Authenticate(r.Context(), material, upgrading)
	result, err = g.cookies.Apply(w, r, result, err)
	return result, room, err
}

// carry returns r with the result in its context.
func carry(r *http.Request, result session.Result, room *http.Request) *http.Request {
	if room == r {
		return r
	}
	if room == nil {
		room = new(http.Request)
	}
	*room = *r.WithContext(result.NewContext(r.Context()))
	return room
}

// upgrades reports whether r asks for another protocol, such as WebSocket: by
// the header Upgrade in HTTP/1.1, by CONNECT since (RFC 8441).
func upgrades(r *http.Request) bool {
	return r.Method == http.MethodConnect || len(r.Header["Upgrade"]) > 0
}

// refuse answers in place of the handler.
func (g *gate) refuse(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	reply.RetryAfter(w, err)
	switch {
	case g.config.SignIn != nil && reply.StatusOf(err) == http.StatusUnauthorized && navigates(r):
		http.Redirect(w, r, g.signInURL(r), http.StatusSeeOther)
	case g.config.ErrorHandler != nil:
		g.config.ErrorHandler(w, r, err)
	default:
		reply.Error(w, err)
	}
}
