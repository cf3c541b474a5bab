// Package gozero puts sessions in front of the handlers of go-zero.
//
// By default go-zero responds with 503 in place of a handler that takes longer than
// 3 s, and drops the handler's response. A renewed session in that response stays
// with the manager until the next one.
//
// Two more defaults of go-zero take effect on a 503 of the middleware. The log then
// contains the whole request, cookies included. The circuit breaker counts it as a
// failure of the route, and soon rejects valid sessions, too. Turn both off with
// Middlewares.Log and Middlewares.Breaker of rest.RestConf.
package gozero

import (
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/zeromicro/go-zero/rest"
	"github.com/zeromicro/go-zero/rest/httpx"
)

// New adds the routes to a server. A route of go-zero has one method; its router
// responds to other methods than these with 405.
func New(server *rest.Server, sessions *session.Manager, cookies *cookie.Codec) {
	refresh := handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})
	logout := handlers.Logout(sessions, cookies, handlers.Config{})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		server.AddRoute(rest.Route{Method: method, Path: "/refresh", Handler: refresh})
		server.AddRoute(rest.Route{Method: method, Path: "/logout", Handler: logout})
	}
	require := rest.ToMiddleware(middleware.RequireSession(sessions, cookies, middleware.Config{}))
	server.AddRoutes(rest.WithMiddleware(require,
		rest.Route{Method: http.MethodGet, Path: "/me", Handler: me},
		rest.Route{Method: http.MethodGet, Path: "/slow", Handler: slow},
	))
}

func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	httpx.OkJson(w, map[string]string{"userId": s.UserID})
}

// slow takes longer than any timeout around it.
func slow(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	time.Sleep(time.Second / 2)
	me(w, r)
}
