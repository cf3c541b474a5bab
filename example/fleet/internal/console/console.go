// Package console is the page that shows the fleet, with buttons that disturb it.
package console

import (
	"encoding/json"
	"net/http"

	"github.com/crossmint-go/auth/example/fleet/internal/balancer"
	"github.com/crossmint-go/auth/example/fleet/internal/fleet"
	"github.com/crossmint-go/auth/example/fleet/internal/store"
	"github.com/crossmint-go/auth/example/fleet/internal/upstream"
)

// sessionCookie holds the JWT, by its documented name.
const sessionCookie = "crossmint-session"

// console has the parts that the page shows.
type console struct {
	fleet    *fleet.Fleet
	balancer *balancer.Balancer
	upstream *upstream.Upstream
	store    *store.Store
}

// New returns the handler of the page and of /demo/.
func New(f *fleet.Fleet, b *balancer.Balancer, u *upstream.Upstream, s *store.Store) http.Handler {
	c := &console{f, b, u, s}
	mux := http.NewServeMux()
	mountPage(mux)
	mux.HandleFunc("GET /demo/state", c.state)
	mux.HandleFunc("POST /demo/signin", c.signIn)
	mux.HandleFunc("POST /demo/expire", c.expire)
	mux.HandleFunc("POST /demo/requests", c.requests)
	mux.HandleFunc("POST /demo/kill/{name}", c.instance(f.Kill))
	mux.HandleFunc("POST /demo/restart/{name}", c.instance(f.Restart))
	mux.HandleFunc("POST /demo/trap", c.trap)
	mux.HandleFunc("POST /demo/freeze", c.done(s.Freeze))
	mux.HandleFunc("POST /demo/thaw", c.done(s.Thaw))
	return http.NewCrossOriginProtection().Handler(mux)
}

// state responds with the state of all parts.
func (c *console) state(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"instances": c.fleet.States(),
		"store": map[string]any{
			"kind": c.store.Kind, "pid": c.store.PID(), "frozen": c.store.Frozen(), "canFreeze": c.store.CanFreeze(),
		},
		"upstreamCalls": len(c.upstream.Askers(0)),
		"trap":          c.upstream.Trapped(),
	})
}

// signIn skips the email code of a real sign-in. It responds with the one-time secret
// of the completed sign-in, which the page sends to /api/refresh for the cookies.
func (c *console) signIn(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"oneTimeSecret": c.upstream.OneTimeSecret()})
}

// expire replaces the browser's JWT by an expired one.
func (c *console) expire(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: c.upstream.ExpiredJWT(), Path: "/", SameSite: http.SameSiteLaxMode})
	w.WriteHeader(http.StatusNoContent)
}

// trap makes the next instance that refreshes die in the middle of the refresh.
func (c *console) trap(w http.ResponseWriter, _ *http.Request) {
	c.upstream.SetTrap(func(name string) { _ = c.fleet.Kill(name) }) // it was running a moment ago
	w.WriteHeader(http.StatusNoContent)
}

// instance calls do for the instance that the path names.
func (c *console) instance(do func(name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c.done(func() error { return do(r.PathValue("name")) })(w, r)
	}
}

// done calls do and responds with the result.
func (c *console) done(do func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := do(); err != nil {
			writeJSON(w, http.StatusConflict, map[string]string{"message": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only if the client is gone
}
