// Package pocketbase puts sessions in front of the routes of PocketBase.
package pocketbase

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Register adds the routes. A program calls it in app.OnServe, with the Router of the
// event.
func Register(r *router.Router[*core.RequestEvent], sessions *session.Manager, cookies *cookie.Codec) {
	r.Any("/refresh", apis.WrapStdHandler(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	r.Any("/logout", apis.WrapStdHandler(handlers.Logout(sessions, cookies, handlers.Config{})))
	require := apis.WrapStdMiddleware(middleware.RequireSession(sessions, cookies, middleware.Config{}))
	r.GET("/me", me).BindFunc(require)
	r.GET("/stream", stream).BindFunc(require)
}

func me(e *core.RequestEvent) error {
	s, _ := session.FromContext(e.Request.Context())
	e.SetCookie(&http.Cookie{Name: "theme", Value: "dark"})
	return e.JSON(http.StatusOK, map[string]string{"userId": s.UserID})
}

func stream(e *core.RequestEvent) error {
	_ = e.String(http.StatusOK, "hello\n") // fails only if the client is gone
	_ = e.Flush()
	<-e.Request.Context().Done()
	return nil
}
