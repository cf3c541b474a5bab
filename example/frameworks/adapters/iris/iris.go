// Package iris puts sessions in front of the handlers of iris.
package iris

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/kataras/iris/v12"
)

// New returns the site. The middleware wraps the whole router: paths of public pages
// belong to the first case.
func New(sessions *session.Manager, cookies *cookie.Codec) *iris.Application {
	app := iris.New()
	app.Any("/refresh", iris.FromStd(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	app.Any("/logout", iris.FromStd(handlers.Logout(sessions, cookies, handlers.Config{})))
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	app.WrapRouter(func(w http.ResponseWriter, r *http.Request, router http.HandlerFunc) {
		switch r.URL.Path {
		case "/refresh", "/logout":
			router(w, r)
		default:
			require(router).ServeHTTP(w, r)
		}
	})
	app.Get("/me", me)
	app.Get("/stream", stream)
	return app
}

func me(c iris.Context) {
	s, _ := session.FromContext(c.Request().Context())
	c.SetCookie(&http.Cookie{Name: "theme", Value: "dark"})
	_ = c.JSON(iris.Map{"userId": s.UserID}) // fails only if the client is gone
}

func stream(c iris.Context) {
	_, _ = c.WriteString("hello\n")
	c.ResponseWriter().Flush()
	<-c.Request().Context().Done()
}
