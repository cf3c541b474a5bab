// Package gin puts sessions in front of the handlers of gin.
package gin

import (
	"bufio"
	"io"
	"net"
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

// wrap converts a net/http middleware to one of gin. The further handlers run inside
// it and write through its ResponseWriter, which notices when the cookies of a renewed
// session leave. If the middleware does not call them, it has responded itself, and gin
// must not run them.
func wrap(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		before := c.Writer
		defer func() { c.Writer = before }()
		m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.Request, c.Writer, passed = r, writer{before, w}, true
			c.Next()
		})).ServeHTTP(before, c.Request)
		if !passed {
			c.Abort()
		}
	}
}

// writer is a gin.ResponseWriter that writes to inside. inside writes to the
// gin.ResponseWriter, which keeps the state of the response.
type writer struct {
	gin.ResponseWriter
	inside http.ResponseWriter
}

func (w writer) WriteHeader(status int)            { w.inside.WriteHeader(status) }
func (w writer) Write(p []byte) (int, error)       { return w.inside.Write(p) }
func (w writer) WriteString(s string) (int, error) { return io.WriteString(w.inside, s) }
func (w writer) Flush()                            { _ = http.NewResponseController(w.inside).Flush() }
func (w writer) Unwrap() http.ResponseWriter       { return w.inside }
func (w writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.inside).Hijack()
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
