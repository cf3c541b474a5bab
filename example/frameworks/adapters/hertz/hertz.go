// Package hertz puts sessions in front of the handlers of hertz.
package hertz

import (
	"context"
	"net/http"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/adaptor"
	"github.com/cloudwego/hertz/pkg/common/config"
	"github.com/cloudwego/hertz/pkg/common/utils"
	"github.com/cloudwego/hertz/pkg/protocol"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec, options ...config.Option) *server.Hertz {
	router := server.New(options...)
	router.Any("/refresh", adaptor.HertzHandler(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	router.Any("/logout", adaptor.HertzHandler(handlers.Logout(sessions, cookies, handlers.Config{})))
	private := router.Group("/", wrap(middleware.RequireSession(sessions, cookies, middleware.Config{})))
	private.GET("/me", me)
	return router
}

// wrap converts a net/http middleware to one of hertz, which has an adaptor for
// handlers only. If the middleware does not call the next handler, it has
// responded, and hertz must not run further handlers. Otherwise hertz writes the
// response later: the headers are copied when the middleware has decided about them.
func wrap(m func(http.Handler) http.Handler) app.HandlerFunc {
	return func(ctx context.Context, c *app.RequestContext) {
		var header http.Header
		adaptor.HertzHandler(m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			header = w.Header()
			c.Next(r.Context())
		})))(ctx, c)
		if header == nil {
			c.Abort()
		}
		for name, values := range header {
			for _, value := range values {
				c.Response.Header.Add(name, value)
			}
		}
	}
}

func me(ctx context.Context, c *app.RequestContext) {
	s, _ := session.FromContext(ctx)
	c.SetCookie("theme", "dark", 0, "/", "", protocol.CookieSameSiteLaxMode, false, false)
	c.JSON(http.StatusOK, utils.H{"userId": s.UserID})
}
