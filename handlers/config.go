package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/internal/warn"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Config configures [Refresh] and [Logout]. The zero value follows Crossmint's
// documentation and accepts browsers of the same origin only.
type Config struct {
	// Protection decides which origins may send requests; add trusted origins
	// to it. If the whole mux is wrapped in a protection, set the same one here.
	// nil: the same origin, and clients that are not browsers.
	Protection *http.CrossOriginProtection
	// OmitRefreshSecret omits the member refreshToken from the response of
	// Refresh. The documented response contains it, so that every script in the
	// page can read the token despite the cookie's HttpOnly. Crossmint's browser
	// client works without it.
	OmitRefreshSecret bool
	// AfterLogout is the redirect target (303) of Logout for form posts: a path
	// on this host. nil: form posts get 204 like all other requests.
	AfterLogout *url.URL
	// UnavailableStatus is the status of Refresh without a decision: 503, or 429,
	// which passive health checks of load balancers do not count as a failure of
	// this server. 0 means 503.
	UnavailableStatus int
	// OnError receives the private cause of every error response, and the errors
	// of a logout despite its 204. All but the bodies that a logout ignores are
	// events of the session manager, too, so a program that only logs needs no
	// OnError. It may run concurrently and must not write to
	// the client. A panic in OnError is logged to slog.Default and does not change
	// the response. nil: no reports.
	OnError func(r *http.Request, err error)
}

// endpoint is the common part of Refresh, Logout and SignIn.
type endpoint struct {
	sessions *session.Manager
	cookies  *cookie.Codec
	config   Config
	warnings warn.Warnings

	op      string        // for events
	invalid event.Outcome // of invalid requests
}

func newEndpoint(name string, sessions *session.Manager, cookies *cookie.Codec, config Config) *endpoint {
	switch {
	case sessions == nil:
		panic("handlers: " + name + ": the session manager is nil")
	case cookies == nil:
		panic("handlers: " + name + ": the cookie codec is nil")
	case config.AfterLogout != nil && !reply.LocalPath(config.AfterLogout):
		panic(fmt.Sprintf("handlers: %s: Config.AfterLogout must be a path on this host, not %q", name, config.AfterLogout))
	}
	if err := reply.CheckUnavailableStatus(config.UnavailableStatus); err != nil {
		panic(fmt.Sprintf("handlers: %s: %v", name, err))
	}
	if config.AfterLogout != nil {
		afterLogout := *config.AfterLogout
		config.AfterLogout = &afterLogout
	}
	if config.Protection == nil {
		config.Protection = http.NewCrossOriginProtection()
	}
	op := strings.ToLower(name)
	return &endpoint{
		sessions: sessions, cookies: cookies, config: config, op: op, invalid: event.Rejected,
		warnings: warn.Warnings{Sessions: sessions, Op: op},
	}
}
