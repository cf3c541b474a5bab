package lab

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"time"
)

// A plan is what the application does with one request.
type plan struct {
	kind  string
	delay time.Duration
}

// prompt is the kind of a page that responds at once.
const prompt = "prompt"

// pageTimeout is that of http.TimeoutHandler.
const pageTimeout = 5 * time.Second

// kind is one way in which an application responds. It runs with the user of
// the session.
type kind struct {
	name    string
	upgrade bool // the browser asks for a WebSocket
	run     func(w http.ResponseWriter, delay time.Duration, user string)
}

// kinds are all the ways that need no layer between the application and the
// subject.
var kinds = []kind{
	{name: prompt, run: func(w http.ResponseWriter, _ time.Duration, user string) { write(w, user) }},
	{name: "slow", run: slow},
	{name: "flushed early", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		write(w, user)
		flush(w)
		slow(w, delay, user)
	}},
	{name: "written early", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		write(w, user)
		slow(w, delay, user)
	}},
	{name: "panic", run: func(_ http.ResponseWriter, delay time.Duration, _ string) {
		time.Sleep(delay)
		panic(errBroken)
	}},
	{name: "panic after a write", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		write(w, user)
		time.Sleep(delay)
		panic(errBroken)
	}},
	{name: "panic after a flush", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		write(w, user)
		flush(w)
		time.Sleep(delay)
		panic(errBroken)
	}},
	{name: "101 without the header", upgrade: true, run: func(w http.ResponseWriter, delay time.Duration, _ string) {
		hijack(w, http.Header{}, delay)
	}},
	{name: "101 with the header", upgrade: true, run: func(w http.ResponseWriter, delay time.Duration, _ string) {
		hijack(w, w.Header(), delay)
	}},
	{name: "refused upgrade", upgrade: true, run: func(w http.ResponseWriter, _ time.Duration, _ string) {
		w.WriteHeader(http.StatusForbidden)
	}},
	{name: "103", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		w.WriteHeader(http.StatusEarlyHints)
		slow(w, delay, user)
	}},
	{name: "header map cleared", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		clear(w.Header())
		slow(w, delay, user)
	}},
	{name: "Set-Cookie deleted", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		w.Header().Del("Set-Cookie")
		slow(w, delay, user)
	}},
	{name: "Set-Cookie replaced", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		w.Header().Set("Set-Cookie", "theme=dark")
		slow(w, delay, user)
	}},
	{name: "Cache-Control and Vary replaced", run: func(w http.ResponseWriter, delay time.Duration, user string) {
		w.Header().Set("Cache-Control", "public, max-age=43200")
		w.Header().Set("Vary", "Accept-Encoding")
		slow(w, delay, user)
	}},
}

// The layers between the application and the subject, or around both. Each is a
// page of its own.
const (
	timeoutInside  = "TimeoutHandler inside"
	timeoutOutside = "TimeoutHandler outside"
	proxied        = "ReverseProxy"
	proxiedHints   = "ReverseProxy with 103"
)

// layers are the kinds with a layer.
var layers = []string{timeoutInside, timeoutOutside, proxied, proxiedHints}

type brokenError struct{}

func (brokenError) Error() string { return "lab: the application is broken" }

// errBroken is the value of the panics of applications.
var errBroken = brokenError{}

func write(w http.ResponseWriter, s string) { _, _ = io.WriteString(w, s) }

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func slow(w http.ResponseWriter, delay time.Duration, user string) {
	time.Sleep(delay)
	write(w, user)
}

func hijack(w http.ResponseWriter, header http.Header, delay time.Duration) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	write101(conn, header)
	time.Sleep(delay)
	_ = conn.Close()
}

func write101(w io.Writer, header http.Header) {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	_ = header.Write(&b) // never fails
	b.WriteString("\r\n")
	_, _ = w.Write(b.Bytes())
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// pages is an application behind a subject.
type pages struct {
	site   Site
	oracle *oracle
}

// newPages returns the whole application: the subject's own routes, and a page
// behind it for each layer. Backend is a second subject on the same upstream,
// behind a reverse proxy.
func newPages(site, backend Site, o *oracle) http.Handler {
	p := &pages{site, o}
	behind := &pages{backend, o}
	page := http.HandlerFunc(p.serve)
	mux := http.NewServeMux()
	mux.Handle("/", site)
	mux.Handle("/page/plain", site.Require(p.watch(page)))
	mux.Handle(pathOf(timeoutInside), site.Require(p.watch(http.TimeoutHandler(page, pageTimeout, ""))))
	mux.Handle(pathOf(timeoutOutside), http.TimeoutHandler(site.Require(p.watch(page)), pageTimeout, ""))
	for _, name := range []string{proxied, proxiedHints} {
		mux.Handle(pathOf(name), site.Require(p.watch(p.proxy(backend.Require(http.HandlerFunc(behind.serve)), name == proxiedHints))))
	}
	return http.StripPrefix("/app", mux)
}

// pathOf returns the path of the page with a layer.
func pathOf(layer string) string {
	switch layer {
	case timeoutInside:
		return "/page/timeout-inside"
	case timeoutOutside:
		return "/page/timeout-outside"
	case proxied:
		return "/page/proxy"
	case proxiedHints:
		return "/page/proxy-hints"
	default:
		return "/page/plain"
	}
}

// watch counts the pages that have to carry a renewed session, by their kind.
func (p *pages) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		if len(p.oracle.tokensOf((&http.Response{Header: w.Header()}).Cookies())) > 0 {
			p.oracle.event("renewal: " + x.plan.kind)
		}
		next.ServeHTTP(w, r)
	})
}

// serve is the page itself.
func (p *pages) serve(w http.ResponseWriter, r *http.Request) {
	x, user := exchangeOf(r.Context()), p.site.UserID(r)
	p.oracle.entered(x, user)
	for _, k := range kinds {
		if k.name == x.plan.kind {
			k.run(w, x.plan.delay, user)
			return
		}
	}
	slow(w, x.plan.delay, user) // behind a layer
}

// proxy returns a reverse proxy to a backend.
func (p *pages) proxy(backend http.Handler, hints bool) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "https", Host: "backend.example"})
			p.site.Forward(pr.Out)
		},
		Transport: handlerTransport{backend, hints},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}

// handlerTransport sends requests to a handler.
type handlerTransport struct {
	next  http.Handler
	hints bool // 103 precedes each response
}

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	if t.hints && trace != nil && trace.Got1xxResponse != nil {
		hint := textproto.MIMEHeader{"Link": {"</style.css>; rel=preload"}}
		if err := trace.Got1xxResponse(http.StatusEarlyHints, hint); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	t.next.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err // the client has left, and the proxy with it
	}
	return w.Result(), nil
}
