// Package gin has sessions in front of gin's handlers.
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

// wrap makes a middleware of net/http one of gin's: a request that it does not
// let pass has its answer, and gin must not run the handlers that follow.
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
