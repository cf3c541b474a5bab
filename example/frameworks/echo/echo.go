// Package echo puts sessions in front of the handlers of echo.
package echo

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/labstack/echo/v5"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	router := echo.New()
	router.Any("/refresh", echo.WrapHandler(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	router.Any("/logout", echo.WrapHandler(handlers.Logout(sessions, cookies, handlers.Config{})))
	private := router.Group("", echo.WrapMiddleware(middleware.RequireSession(sessions, cookies, middleware.Config{})))
	private.GET("/me", me)
	private.GET("/stream", stream)
	return router
}

func me(c *echo.Context) error {
	s, _ := session.FromContext(c.Request().Context())
	c.SetCookie(&http.Cookie{Name: "theme", Value: "dark"})
	return c.JSON(http.StatusOK, map[string]string{"userId": s.UserID})
}

func stream(c *echo.Context) error {
	if err := c.String(http.StatusOK, "hello\n"); err != nil {
		return err
	}
	if err := http.NewResponseController(c.Response()).Flush(); err != nil {
		return err
	}
	<-c.Request().Context().Done()
	return nil
}
