package pocketbase_test

import (
	"net/http"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/internal/journey"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/pocketbase"
	"github.com/crossmint-go/auth/session"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // the tables of an empty application
)

func TestPocketBase(t *testing.T) {
	journey.Run(t, journey.Framework{Name: "PocketBase", New: newApp, Me: journey.Get("/me"), Stream: journey.Get("/stream")})
}

func newApp(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	site.Must(t, app.Bootstrap())
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	site.Must(t, app.RunAllMigrations())
	router, err := apis.NewRouter(app)
	site.Must(t, err)
	pocketbase.Register(router, sessions, cookies)
	mux, err := router.BuildMux()
	site.Must(t, err)
	return mux
}
