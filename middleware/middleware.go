package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/internal/warn"
	"github.com/crossmint-go/auth/session"
)

// Config configures the middleware. The zero value reads cookies only and
// responds to errors with JSON.
type Config struct {
	// Bearer also accepts a JWT from an Authorization header, as native
	// clients send it. The cookies of such a request are ignored, it needs no
	// refresh token, and no cookie is set or deleted.
	Bearer bool
	// SignIn is the page to which navigations without a session are redirected
	// (303, with the requested path in the query parameter return_to): a path
	// on this host. Requests of scripts, downloads, pages that a browser fetches in
	// advance (Sec-Purpose: prefetch), and requests without a decision are not
	// redirected, and neither are those for the page itself, if it lies behind the
	// middleware. nil: no redirect.
	//
	// A navigation is a GET or HEAD with Sec-Fetch-Mode: navigate, or without this
	// header with an Accept that contains text/html, unless X-Requested-With is
	// XMLHttpRequest. Where Sec-Fetch-Dest is empty, Upgrade-Insecure-Requests: 1 tells
	// a navigation that a service worker has passed on from a download.
	//
	// A sign-in page must treat return_to as untrusted input. return_to is the
	// path and the query as they were requested, byte for byte. It is missing if
	// it has more than 2,048 bytes, or if Location would have more than 3,072:
	// many proxies accept 4 KiB of response headers.
	SignIn *url.URL
	// UnavailableStatus is the status without a decision: 503, or 429, which
	// passive health checks of load balancers do not count as a failure of this
	// server. 0 means 503.
	UnavailableStatus int
	// ErrorHandler responds in place of the default, which is HTML for
	// navigations, a stream that ends at once for an EventSource without a
	// decision, and JSON for other requests. When it runs, rejected cookies are
	// deleted already, and Retry-After and Cache-Control are set. The error is a
	// *session.AuthenticationError (401) or is session.ErrUnavailable, see
	// [StatusOf]. Its text is for logs, not for browsers.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

// RequireSession returns a middleware that lets only requests with a valid
// session pass; handlers find it with session.FromContext. Other requests get
// 401, or 503 where there is no decision. A request in TLS early data that needs a
// refresh gets 425, and the browser sends it again (RFC 8470). Cookies are deleted
// only after upstream has definitely rejected them.
//
// The response to a request with a session has Cache-Control: private, which the
// handler may replace.
//
// Inside another middleware with the same manager it uses the result of that
// one. It panics at wiring time if sessions or cookies is nil or SignIn is not a
// path on this host.
func RequireSession(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.Handler) http.Handler {
	a := newAuthenticator("RequireSession", sessions, cookies, config)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d := a.authenticate(w, r)
			a.respond(w, r, &d, func(w http.ResponseWriter) {
				switch {
				case d.err == nil:
					serve(next, w, r, &d)
				case canRedirect(r) && reply.AskAgain(w, r, d.err):
				default:
					a.writeError(w, r, d.err)
				}
			})
		})
	}
}

// OptionalSession returns a middleware that always runs the next handler.
// session.FromContext tells whether there is a session, and
// session.ErrorFromContext why there is none: a public page must not fail with
// upstream, and waits for it for one second at most. Cookies are renewed and deleted as by [RequireSession].
func OptionalSession(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.Handler) http.Handler {
	a := newAuthenticator("OptionalSession", sessions, cookies, config)
	a.timeout = optionalTimeout
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d := a.authenticate(w, r)
			a.respond(w, r, &d, func(w http.ResponseWriter) {
				switch {
				case canRedirect(r) && reply.AskAgain(w, r, d.err):
				case reply.StatusOf(d.err) == http.StatusTooEarly:
					reply.Error(w, r, d.err)
				default:
					serve(next, w, r, &d)
				}
			})
		})
	}
}

// Session returns a call that does the work of [RequireSession] and leaves the
// response to its caller: the documented getSession(request, response). It sets
// renewed cookies and deletes rejected ones on w, so call it before the response
// is written: afterwards net/http ignores them. Session notices that when the browser
// presents the old refresh token again, and reports it once (event misconfigured). The
// error is as Config.ErrorHandler receives it. Session does not redirect the browser
// after a first refusal: the error is session.ErrUnavailable, and the browser has to
// send its request again.
//
// Prefer [RequireSession] or [OptionalSession]. The caller of Session writes the
// response, so the middleware does not know when the cookies have left: for an
// hour the old refresh token gets the same session, and a logout or a sign-in
// meanwhile does not stop these cookies.
func Session(sessions *session.Manager, cookies *cookie.Codec, config Config) func(http.ResponseWriter, *http.Request) (*session.AuthSession, error) {
	a := newAuthenticator("Session", sessions, cookies, config)
	return func(w http.ResponseWriter, r *http.Request) (*session.AuthSession, error) {
		d := a.authenticate(w, r)
		if d.err != nil {
			return nil, d.err
		}
		if d.result.Renewed != nil {
			a.warnings.RenewedByCall(r, d.result.Renewed.Used.RefreshToken)
		}
		return d.result.Session, nil
	}
}

// StatusOf returns the status with which the middleware responds to an error of
// [Session] or of Config.ErrorHandler: 401; Config.UnavailableStatus without a
// decision; 425 for a request in TLS early data. For any other error it is 500.
func StatusOf(err error) int { return reply.StatusOf(err) }

// authenticator is the common part of all of them.
type authenticator struct {
	sessions    *session.Manager
	cookies     *cookie.Codec
	config      Config
	timeout     time.Duration // 0: that of the manager
	forwardAuth bool          // the response goes to a proxy, which reads it
	warnings    warn.Warnings
}

// optionalTimeout is the time that OptionalSession waits for upstream and for the
// signing keys. Then it serves the page without a session.
const optionalTimeout = time.Second

func newAuthenticator(name string, sessions *session.Manager, cookies *cookie.Codec, config Config) *authenticator {
	switch {
	case sessions == nil:
		panic("middleware: " + name + ": the session manager is nil")
	case cookies == nil:
		panic("middleware: " + name + ": the cookie codec is nil")
	case config.SignIn != nil && !reply.LocalPath(config.SignIn):
		panic(fmt.Sprintf("middleware: %s: Config.SignIn must be a path on this host, not %q", name, config.SignIn))
	}
	if err := reply.CheckUnavailableStatus(config.UnavailableStatus); err != nil {
		panic(fmt.Sprintf("middleware: %s: %v", name, err))
	}
	if config.SignIn != nil {
		checked := *config.SignIn
		config.SignIn = &checked
	}
	return &authenticator{
		sessions: sessions, cookies: cookies, config: config, warnings: warn.Warnings{Sessions: sessions, Op: "authenticate"},
	}
}

// decision is the outcome of one request.
type decision struct {
	result  session.Result
	err     error
	cookies []string // the Set-Cookie lines that the response has to carry
}

// authenticate decides on r and sets the headers on w that every response to it
// needs.
func (a *authenticator) authenticate(w http.ResponseWriter, r *http.Request) decision {
	d := a.decide(w, r)
	if d.err != nil {
		d.err = reply.WithUnavailableStatus(d.err, a.config.UnavailableStatus)
		return d
	}
	forbidSharedCaches(w.Header())
	return d
}

func (a *authenticator) decide(w http.ResponseWriter, r *http.Request) decision {
	jwt, isBearer := a.bearer(r)
	if result, err, ok := a.sessions.Resume(r.Context(), isBearer); ok {
		return decision{result: result, err: err}
	}
	a.addVary(w.Header())
	if isBearer {
		result, err := a.sessions.Verify(r.Context(), jwt)
		if reply.StatusOf(err) == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		}
		return decision{result: result, err: err}
	}
	a.warnings.WriteTimeout(r, "session.Config.RefreshTimeout", a.longestWait)
	presented := a.cookies.Read(r)
	presented.Material.SkipEarlyRefresh, presented.Material.EarlyData = isUpgrade(r), reply.IsEarlyData(r)
	ctx := r.Context()
	if a.timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		ctx = limited
	}
	result, err := a.sessions.Authenticate(ctx, presented.Material)
	if err == nil && result.Renewed == nil {
		return decision{result: result} // the cookies stay as they are
	}
	if errors.Is(err, session.ErrNoMaterial) {
		a.warnings.IgnoredBearer(r)
	}
	before := len(w.Header()["Set-Cookie"])
	if applyErr := presented.Apply(w, result, err); err == nil && applyErr != nil {
		result.Renewed.Delivered(r.Context(), applyErr)
		return decision{result: result, err: applyErr}
	}
	if result.Renewed != nil {
		delivery.WarnLarge(r.Context(), w.Header())
		a.warnings.PlainHTTP(r, w.Header())
	}
	return decision{result, err, w.Header()["Set-Cookie"][before:]}
}

// longestWait returns the longest time that a request waits for its refresh.
func (a *authenticator) longestWait(h session.Health) time.Duration {
	if a.timeout > 0 {
		return min(a.timeout, h.RefreshTimeout)
	}
	return h.RefreshTimeout
}

// respond calls next with a ResponseWriter that delivers the cookies of d. A
// response without cookies is not touched.
func (a *authenticator) respond(w http.ResponseWriter, r *http.Request, d *decision, next func(http.ResponseWriter)) {
	if len(d.cookies) == 0 {
		next(w)
		return
	}
	// A copy, so that d does not escape to the heap in every request.
	decided := &deliverable{result: d.result, request: r, toProxy: a.forwardAuth}
	cookies := delivery.Cookies{
		Lines: slices.Clone(d.cookies), Numbered: a.forwardAuth, Vary: "Cookie", Upgrade: isUpgrade(r), Decision: decided,
	}
	if renewal := d.result.Renewed; renewal != nil {
		cookies.StartedAt = renewal.StartedAt
	}
	delivery.Serve(w, r, cookies, next)
}

// A deliverable is a delivery.Decision: it tells the manager whether a renewed
// session has left.
type deliverable struct {
	result  session.Result
	request *http.Request
	toProxy bool // a proxy that has the cookies is no browser
}

func (d *deliverable) Check() error { return d.result.Check() }

func (d *deliverable) Done(err error) {
	if d.result.Renewed != nil && !d.toProxy {
		d.result.Renewed.Delivered(d.request.Context(), err)
	}
}

// serve runs next with the decision in the context. Code around the middleware
// looks at r afterwards: metrics at the pattern that an inner ServeMux has set,
// and net/http at the multipart form whose files it removes. net/http also adds
// trailers to r, which next finds if both requests share the map.
func serve(next http.Handler, w http.ResponseWriter, r *http.Request, d *decision) {
	if r.Trailer == nil && r.ContentLength < 0 {
		r.Trailer = make(http.Header)
	}
	inner := r.WithContext(d.result.NewContext(r.Context(), d.err))
	defer func() { r.Pattern, r.MultipartForm = inner.Pattern, inner.MultipartForm }()
	next.ServeHTTP(w, inner)
}

// writeError responds in place of the handler.
func (a *authenticator) writeError(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Cache-Control", "no-store")
	reply.RetryAfter(w, err)
	switch {
	case reply.StatusOf(err) == http.StatusUnauthorized && a.canSignIn(r):
		http.Redirect(w, r, a.signInURL(r), http.StatusSeeOther)
	case a.config.ErrorHandler != nil:
		a.config.ErrorHandler(w, r, err)
	default:
		reply.Error(w, r, err)
	}
}
