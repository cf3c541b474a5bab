package adapters_test

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network/standard"
	fiberv3 "github.com/gofiber/fiber/v3"
	"github.com/zeromicro/go-zero/core/conf"
	"github.com/zeromicro/go-zero/core/logx"
	"github.com/zeromicro/go-zero/rest"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/example/frameworks/adapters/fiber2"
	"github.com/crossmint-go/auth/example/frameworks/adapters/fiber3"
	"github.com/crossmint-go/auth/example/frameworks/adapters/gozero"
	"github.com/crossmint-go/auth/example/frameworks/adapters/hertz"
	"github.com/crossmint-go/auth/example/frameworks/adapters/iris"
	"github.com/crossmint-go/auth/example/frameworks/internal/journey"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) {
	hlog.SetLevel(hlog.LevelFatal)
	m.Run()
}

func TestAdapters(t *testing.T) {
	for _, f := range []journey.Framework{
		{Name: "Fiber v2", New: newFiber2},
		{Name: "Fiber v3", New: newFiber3},
		{Name: "hertz", New: newHertz, RedirectType: "text/plain"},
		{Name: "iris", New: newIris, Stream: journey.Get("/stream")},
		{Name: "go-zero", New: newGoZero, Slow: journey.Get("/slow")},
	} {
		f.Me = journey.Get("/me")
		journey.Run(t, f)
	}
}

func newFiber2(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	return front(t, fiber2.New(sessions, cookies).Listener)
}

func newFiber3(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	app := fiber3.New(sessions, cookies)
	serve := func(l net.Listener) error {
		return app.Listener(l, fiberv3.ListenConfig{DisableStartupMessage: true})
	}
	return front(t, serve)
}

func newHertz(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	serve := func(l net.Listener) error {
		return hertz.New(sessions, cookies, server.WithListener(l), server.WithTransport(standard.NewTransporter), server.WithDisablePrintRoute(true)).Run()
	}
	return front(t, serve)
}

func newIris(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	app := iris.New(sessions, cookies)
	site.Must(t, app.Build())
	return app
}

func newGoZero(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	var config rest.RestConf
	site.Must(t, conf.FillDefault(&config)) // as without a configuration file
	config.DevServer.Enabled = false
	server, err := rest.NewServer(config)
	site.Must(t, err)
	logx.Disable() // NewServer has switched it on
	gozero.New(server, sessions, cookies)
	handler, err := rest.NewServerless(server)
	site.Must(t, err)
	return http.HandlerFunc(handler.Serve)
}

// front starts a server that is not of net/http, and returns a proxy to it: the TLS
// terminator that such servers usually have in front. The server stops with its
// listener: fasthttp's Shutdown has a data race with the contexts of past requests.
func front(t testing.TB, serve func(net.Listener) error) http.Handler {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	site.Must(t, err)
	go func() { _ = serve(listener) }()
	target := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = listener.Close()
	})
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
}
