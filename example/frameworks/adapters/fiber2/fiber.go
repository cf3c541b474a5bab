// Package fiber2 puts sessions in front of the handlers of Fiber v2.
package fiber2

import (
	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// New returns the site.
func New(sessions *session.Manager, cookies *cookie.Codec) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.All("/refresh", adaptor.HTTPHandler(handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true})))
	app.All("/logout", adaptor.HTTPHandler(handlers.Logout(sessions, cookies, handlers.Config{})))
	private := app.Group("", adaptor.HTTPMiddleware(middleware.RequireSession(sessions, cookies, middleware.Config{})))
	private.Get("/me", me)
	return app
}

// me finds the session in the context of fasthttp. The user context of Fiber has
// none, because the adaptor does not set it.
func me(c *fiber.Ctx) error {
	s, _ := session.FromContext(c.Context())
	c.Cookie(&fiber.Cookie{Name: "theme", Value: "dark"})
	return c.JSON(fiber.Map{"userId": s.UserID})
}
