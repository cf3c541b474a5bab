// Package gin puts sessions in front of the handlers of gin.
package gin

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/gin-gonic/gin"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	router := gin.New()
	router.Any("/refresh", gin.WrapF(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	router.Any("/logout", gin.WrapF(handlers.Logout(sessions, cookies, handlers.Config{})))
	private := router.Group("/", wrap(middleware.RequireSession(sessions, cookies, middleware.Config{})))
	private.GET("/me", me)
	private.GET("/stream", stream)
	return router
}

// wrap converts a net/http middleware to one of gin. If the middleware does not
// call the next handler, it has responded, and gin must not run further handlers.
func wrap(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		m(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { c.Request, passed = r, true })).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

func me(c *gin.Context) {
	s, _ := session.FromContext(c.Request.Context())
	c.SetCookie("theme", "dark", 0, "/", "", false, false)
	c.JSON(http.StatusOK, gin.H{"userId": s.UserID})
}

func stream(c *gin.Context) {
	c.String(http.StatusOK, "hello\n")
	c.Writer.Flush()
	<-c.Request.Context().Done()
}
