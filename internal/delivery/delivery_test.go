package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/google/go-cmp/cmp"
)

const (
	jwtLine     = "session=jwt; Path=/"
	refreshLine = "refresh=token; Path=/; HttpOnly"
)

var lines = []string{jwtLine, refreshLine}

// targetedCacheControl are headers that CDNs heed in place of Cache-Control.
var targetedCacheControl = []string{"Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Surrogate-Control"}

// outcome is what Serve has reported.
type outcome struct {
	done  chan error
	check atomic.Pointer[error]
}

// Check implements delivery.Decision.
func (o *outcome) Check() error {
	if err := o.check.Load(); err != nil {
		return *err
	}
	return nil
}

// Done implements delivery.Decision.
func (o *outcome) Done(err error) { o.done <- err }

// serve returns a server whose handler sets the cookies, as a middleware does, and
// then runs next.
func serve(t *testing.T, http2, upgrade bool, outer func(http.Handler) http.Handler, next http.HandlerFunc) (*httptest.Server, *outcome) {
	t.Helper()
	o := &outcome{done: make(chan error, 1)}
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, line := range lines {
			w.Header().Add("Set-Cookie", line)
		}
		c := delivery.Cookies{Lines: lines, Numbered: true, Vary: "Cookie", Upgrade: upgrade, Decision: o}
		delivery.Serve(w, r, c, func(w http.ResponseWriter) { next(w, r) })
	})
	if outer != nil {
		handler = outer(handler)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, o
}

// wait returns the reported reason.
func (o *outcome) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-o.done:
		return err
	case <-time.After(time.Minute): // far above any delay of a loaded machine
		t.Fatal("Done was not called")
		return nil
	}
}

func get(t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	res, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

// wantCookies checks the headers that every response with the cookies has.
func wantCookies(t *testing.T, res *http.Response, more ...string) {
	t.Helper()
	if diff := cmp.Diff(append(slices.Clone(more), lines...), res.Header["Set-Cookie"]); diff != "" {
		t.Errorf("Set-Cookie (-want +got):\n%s", diff)
	}
	newest := []string{res.Header.Get("X-Set-Cookie-2"), res.Header.Get("X-Set-Cookie-1")}
	if diff := cmp.Diff(lines, newest); diff != "" {
		t.Errorf("X-Set-Cookie-2 and -1 (-want +got):\n%s", diff)
	}
	if got := res.Header["Cache-Control"]; !slices.Equal(got, []string{"no-store"}) {
		t.Errorf("Cache-Control = %q, want no-store", got)
	}
	for _, name := range targetedCacheControl {
		if got := res.Header[name]; len(got) > 0 {
			t.Errorf("%s = %q, want none", name, got)
		}
	}
	if got := strings.Join(res.Header["Vary"], ", "); !strings.Contains(got, "Cookie") {
		t.Errorf("Vary = %q, want Cookie in it", got)
	}
}

func TestDelivered(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "from the backend")
	}))
	defer backend.Close()
	target, _ := url.Parse(backend.URL)

	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int      // 0: 200
		more    []string // further Set-Cookie lines
	}{
		{name: "nothing written", handler: func(http.ResponseWriter, *http.Request) {}},
		{name: "Write", handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }},
		{name: "WriteString", handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
		{name: "WriteHeader 200", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }},
		{name: "WriteHeader 303", handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSeeOther) }, status: http.StatusSeeOther},
		{name: "Flush", handler: func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() }},
		{name: "ResponseController", handler: func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
		}},
		{name: "ReadFrom", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader(strings.Repeat("x", 100_000)))
		}},
		{name: "informational responses before", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusContinue)
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusEarlyHints)
			clear(w.Header())
		}},
		{name: "cache headers for everybody", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=43200")
			w.Header().Del("Vary")
		}},
		{name: "cache headers for a CDN", handler: func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range targetedCacheControl {
				w.Header().Set(name, "max-age=60")
			}
		}},
		{name: "header cleared", handler: func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()) }},
		{name: "Set-Cookie replaced", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "theme=dark")
		}, more: []string{"theme=dark"}},
		{name: "TimeoutHandler inside", handler: http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		}), time.Minute, "").ServeHTTP, more: []string{"theme=dark"}},
		{name: "ReverseProxy, backend sends 103", handler: (&httputil.ReverseProxy{
			Rewrite: func(pr *httputil.ProxyRequest) { pr.SetURL(target) },
		}).ServeHTTP},
	}
	for _, tt := range tests {
		for _, http2 := range []bool{false, true} {
			t.Run(tt.name+map[bool]string{false: " HTTP/1.1", true: " HTTP/2"}[http2], func(t *testing.T) {
				server, o := serve(t, http2, false, nil, tt.handler)
				res := get(t, server)
				wantCookies(t, res, tt.more...)
				if tt.status == 0 {
					tt.status = http.StatusOK
				}
				if res.StatusCode != tt.status {
					t.Errorf("status %d, want %d", res.StatusCode, tt.status)
				}
				if err := o.wait(t); err != nil {
					t.Errorf("not delivered: %v", err)
				}
			})
		}
	}
}

// A stream goes on for long after its header has left.
func TestFlushDelivers(t *testing.T) {
	tests := []struct {
		name  string
		outer func(http.ResponseWriter) http.ResponseWriter // nil: none
		flush func(http.ResponseWriter)
	}{
		{name: "Flush", flush: func(w http.ResponseWriter) { w.(http.Flusher).Flush() }},
		{name: "FlushError", flush: func(w http.ResponseWriter) { _ = flush(w) }},
		{name: "Flush inside a layer with Flush and Unwrap", outer: newFlusher, flush: func(w http.ResponseWriter) { w.(http.Flusher).Flush() }},
		{name: "FlushError inside a layer with Unwrap alone", outer: newUnwrapper, flush: func(w http.ResponseWriter) { _ = flush(w) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			delivered := make(chan error, 1)
			var o *outcome
			var server *httptest.Server
			server, o = serve(t, false, false, inside(test.outer), func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "public")
				test.flush(w)
				select {
				case err := <-o.done: // while the handler runs
					delivered <- err
				default:
					delivered <- errors.New("not yet")
				}
			})
			wantCookies(t, get(t, server))
			if err := <-delivered; err != nil {
				t.Errorf("not delivered: %v", err)
			}
		})
	}
}

func TestLost(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // in each bubble
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name         string
		ctx          context.Context //nolint:containedctx // the argument under test
		writeTimeout time.Duration
		noServer     bool
		startedAt    time.Time
		want         error
	}{
		{name: "another server", noServer: true, startedAt: now.Add(-time.Hour)},
		{name: "no write timeout", startedAt: now.Add(-time.Hour)},
		{name: "no start", writeTimeout: time.Minute},
		{name: "in time", writeTimeout: time.Minute, startedAt: now},
		{name: "at the last moment", writeTimeout: time.Minute, startedAt: now.Add(-time.Minute)},
		{name: "too late", writeTimeout: time.Minute, startedAt: now.Add(-time.Minute - 1), want: os.ErrDeadlineExceeded},
		{name: "disconnected", ctx: canceled, writeTimeout: time.Minute, startedAt: now, want: delivery.ErrDisconnected},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := test.ctx
				if ctx == nil {
					ctx = t.Context()
				}
				if !test.noServer {
					ctx = withServer(ctx, test.writeTimeout)
				}
				if got := delivery.Lost(ctx, test.startedAt); !errors.Is(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
			})
		})
	}
}

// withServer returns the context of a request that net/http serves.
func withServer(ctx context.Context, writeTimeout time.Duration) context.Context {
	return context.WithValue(ctx, http.ServerContextKey, &http.Server{ReadHeaderTimeout: time.Second, WriteTimeout: writeTimeout})
}

// A handler may extend the write timeout of its server.
func TestWriteTimeout(t *testing.T) {
	tests := []struct {
		name       string
		outer      func(http.ResponseWriter) http.ResponseWriter // nil: none
		extended   bool
		disconnect bool
		panics     bool
		want       error
	}{
		{name: "passes", want: os.ErrDeadlineExceeded},
		{name: "is extended", extended: true},
		{name: "is extended inside a layer with Unwrap alone", outer: newUnwrapper, extended: true},
		{name: "is extended inside a layer with Flush and Unwrap", outer: newFlusher, extended: true},
		{name: "cannot be extended", outer: newFlushOnly, extended: true, want: os.ErrDeadlineExceeded},
		{name: "is extended, and the client disconnects", extended: true, disconnect: true, want: delivery.ErrDisconnected},
		{name: "is extended, and the handler panics", extended: true, panics: true, want: delivery.ErrPanicked},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outcome{done: make(chan error, 1)}
				ctx, cancel := context.WithCancel(withServer(t.Context(), time.Second))
				defer cancel()
				r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
				defer func() {
					_ = recover()
					if err := o.wait(t); !errors.Is(err, test.want) {
						t.Errorf("Done(%v), want %v", err, test.want)
					}
				}()
				c := delivery.Cookies{Lines: lines, Vary: "Cookie", StartedAt: time.Now(), Decision: o}
				var outside http.ResponseWriter = &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
				if test.outer != nil {
					outside = test.outer(outside)
				}
				delivery.Serve(outside, r, c, func(w http.ResponseWriter) {
					if test.extended {
						_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))
					}
					time.Sleep(2 * time.Second)
					if test.disconnect {
						cancel()
					}
					if test.panics {
						panic("in the handler")
					}
				})
			})
		})
	}
}

// Vary names the request header once.
func TestVary(t *testing.T) {
	tests := []struct {
		name    string
		handler []string // the values that the handler sets
		want    []string
	}{
		{name: "none", want: []string{"Cookie"}},
		{name: "others", handler: []string{"Accept, Origin", "Range"}, want: []string{"Accept, Origin", "Range", "Cookie"}},
		{name: "it is there", handler: []string{"Accept, cookie"}, want: []string{"Accept, cookie"}},
		{name: "everything varies", handler: []string{"*"}, want: []string{"*"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, o := httptest.NewRecorder(), &outcome{done: make(chan error, 1)}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			delivery.Serve(w, r, delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
				w.Header()["Vary"] = test.handler
			})
			if diff := cmp.Diff(test.want, w.Header()["Vary"]); diff != "" {
				t.Errorf("Vary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotDelivered(t *testing.T) {
	t.Run("panic", func(t *testing.T) {
		server, o := serve(t, false, false, nil, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		if _, err := server.Client().Get(server.URL); err == nil {
			t.Error("the connection was not cut")
		}
		if err := o.wait(t); !errors.Is(err, delivery.ErrPanicked) {
			t.Errorf("got %v, want ErrPanicked", err)
		}
	})
	t.Run("client disconnects before the header", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server, o := serve(t, false, false, nil, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		_, _ = server.Client().Do(req)
		if err := o.wait(t); !errors.Is(err, delivery.ErrDisconnected) {
			t.Errorf("got %v, want ErrDisconnected", err)
		}
	})
	t.Run("TimeoutHandler outside drops the response", func(t *testing.T) {
		outer := func(h http.Handler) http.Handler { return http.TimeoutHandler(h, 10*time.Millisecond, "") }
		server, o := serve(t, false, false, outer, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "early")
			<-r.Context().Done()
		})
		if res := get(t, server); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", res.StatusCode)
		}
		if err := o.wait(t); !errors.Is(err, delivery.ErrDisconnected) {
			t.Errorf("got %v, want ErrDisconnected", err)
		}
	})
	t.Run("hijacked", func(t *testing.T) {
		server, o := serve(t, false, false, nil, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
				_ = conn.Close()
			}
		})
		get(t, server)
		if err := o.wait(t); !errors.Is(err, delivery.ErrHijacked) {
			t.Errorf("got %v, want ErrHijacked", err)
		}
	})
	t.Run("hijacked after a logout", func(t *testing.T) {
		server, o := serve(t, false, true, nil, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil { // as WebSocket libraries do
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n")
				_ = w.Header().Write(conn)
				_, _ = io.WriteString(conn, "\r\n")
				_ = conn.Close()
			}
		})
		loggedOut := errors.New("logged out")
		o.check.Store(&loggedOut)
		if got := get(t, server).Header["Set-Cookie"]; len(got) > 0 {
			t.Errorf("Set-Cookie = %q, want none", got)
		}
		if err := o.wait(t); !errors.Is(err, loggedOut) {
			t.Errorf("got %v, want the error of the check", err)
		}
	})
	t.Run("upgrade refused", func(t *testing.T) {
		server, o := serve(t, false, true, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		wantCookies(t, get(t, server)) // some browsers keep them
		if err := o.wait(t); !errors.Is(err, delivery.ErrUpgrade) {
			t.Errorf("got %v, want ErrUpgrade", err)
		}
	})
	for _, status := range []int{http.StatusNotModified, http.StatusBadRequest, http.StatusNotFound, http.StatusInternalServerError} {
		t.Run(fmt.Sprintf("status %d, which proxies may replace", status), func(t *testing.T) {
			server, o := serve(t, false, false, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			wantCookies(t, get(t, server)) // most proxies pass them on
			if err := o.wait(t); !errors.Is(err, delivery.ErrReplaceable) {
				t.Errorf("got %v, want ErrReplaceable", err)
			}
		})
	}
	t.Run("the application sets the same cookies", func(t *testing.T) {
		server, o := serve(t, false, false, nil, func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "other"})
		})
		if got := get(t, server).Header["Set-Cookie"]; !slices.Equal(got, []string{"session=other"}) {
			t.Errorf("Set-Cookie = %q, want the application's line alone", got)
		}
		if err := o.wait(t); !errors.Is(err, delivery.ErrReplaced) {
			t.Errorf("got %v, want ErrReplaced", err)
		}
	})
	t.Run("the application sets the same cookies, one of them with the same value", func(t *testing.T) {
		server, o := serve(t, false, false, nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "session=other")
			w.Header().Add("Set-Cookie", refreshLine)
		})
		if got := get(t, server).Header["Set-Cookie"]; !slices.Equal(got, []string{"session=other", refreshLine}) {
			t.Errorf("Set-Cookie = %q, want the application's lines", got)
		}
		if err := o.wait(t); !errors.Is(err, delivery.ErrReplaced) {
			t.Errorf("got %v, want ErrReplaced", err)
		}
	})
	t.Run("the check fails", func(t *testing.T) {
		loggedOut := errors.New("logged out")
		server, o := serve(t, false, false, nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("Set-Cookie", "theme=dark")
		})
		o.check.Store(&loggedOut)
		header := get(t, server).Header
		if got := header["Set-Cookie"]; !slices.Equal(got, []string{"theme=dark"}) || header.Get("X-Set-Cookie-1") != "" {
			t.Errorf("Set-Cookie = %q, want the application's line alone", got)
		}
		if err := o.wait(t); !errors.Is(err, loggedOut) {
			t.Errorf("got %v, want the error of the check", err)
		}
	})
}

// An outer layer that recovers a panic writes the header itself. It gets the cookies
// as any other response does: complete, or none where the check fails.
func TestRecoveredPanic(t *testing.T) {
	loggedOut := errors.New("logged out")
	tests := []struct {
		name  string
		check error // nil: it succeeds
	}{
		{name: "the check succeeds"},
		{name: "the check fails", check: loggedOut},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			recoverer := func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() {
						if recover() != nil {
							w.WriteHeader(http.StatusInternalServerError)
						}
					}()
					h.ServeHTTP(w, r)
				})
			}
			server, o := serve(t, false, false, recoverer, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "public")
				panic("broken")
			})
			want := delivery.ErrPanicked
			if test.check != nil {
				o.check.Store(&test.check)
				want = test.check
			}
			res := get(t, server)
			if test.check == nil {
				wantCookies(t, res)
			} else if got := res.Header["Set-Cookie"]; len(got) > 0 {
				t.Errorf("Set-Cookie = %q, want none", got)
			}
			if err := o.wait(t); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// A handler takes over the stream of a CONNECT request by methods that only the server's
// own ResponseWriter has, for example HTTPStream of quic-go.
func TestConnect(t *testing.T) {
	w, o := httptest.NewRecorder(), &outcome{done: make(chan error, 1)}
	r := httptest.NewRequest(http.MethodConnect, "/session", nil)
	w.Header()["Set-Cookie"] = append([]string{"theme=dark"}, lines...)
	delivery.Serve(w, r, delivery.Cookies{Lines: lines, Vary: "Cookie", Upgrade: true, Decision: o}, func(inside http.ResponseWriter) {
		if inside != http.ResponseWriter(w) {
			t.Errorf("the handler got a %T", inside)
		}
		inside.WriteHeader(http.StatusOK)
	})
	if got := w.Result().Header["Set-Cookie"]; !slices.Equal(got, []string{"theme=dark"}) {
		t.Errorf("Set-Cookie = %q, want the application's line alone", got)
	}
	if err := o.wait(t); !errors.Is(err, delivery.ErrUpgrade) {
		t.Errorf("got %v, want ErrUpgrade", err)
	}
}

// interfaces reports which optional interfaces w has.
func interfaces(w http.ResponseWriter) (has [6]bool) {
	_, has[0] = w.(http.Flusher)
	_, has[1] = w.(http.Hijacker)
	_, has[2] = w.(http.Pusher)
	_, has[3] = w.(io.ReaderFrom)
	_, has[4] = w.(io.StringWriter)
	has[5] = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour)) == nil
	return has
}

// A wrapped ResponseWriter has the optional interfaces of the one inside.
func TestInterfaces(t *testing.T) {
	tests := []struct {
		name  string
		http2 bool
	}{
		{name: "HTTP/1.1"},
		{name: "HTTP/2", http2: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var outside, inside [6]bool
			outer := func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					outside = interfaces(w)
					h.ServeHTTP(w, r)
				})
			}
			server, o := serve(t, tt.http2, false, outer, func(w http.ResponseWriter, _ *http.Request) { inside = interfaces(w) })
			get(t, server)
			o.wait(t)
			if diff := cmp.Diff(outside, inside); diff != "" {
				t.Errorf("interfaces (-outside +inside):\n%s", diff)
			}
		})
	}
}

// A ResponseWriter that flushes and hides nothing behind it gets no further interfaces.
func TestInterfacesWithoutUnwrap(t *testing.T) {
	outside, o := httptest.NewRecorder(), &outcome{done: make(chan error, 1)}
	var inside [6]bool
	delivery.Serve(outside, httptest.NewRequest(http.MethodGet, "/", nil), delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
		inside = interfaces(w)
	})
	if diff := cmp.Diff(interfaces(outside), inside); diff != "" {
		t.Errorf("interfaces (-outside +inside):\n%s", diff)
	}
}

// Code inside finds the ResponseWriters of outer layers through Unwrap, as that of echo
// does with its own.
func TestUnwrap(t *testing.T) {
	for name, outer := range map[string]func(http.ResponseWriter) http.ResponseWriter{"Unwrap": newUnwrapper, "Flush and Unwrap": newFlusher, "CloseNotify": newNotifier} {
		t.Run(name, func(t *testing.T) {
			o := &outcome{done: make(chan error, 1)}
			outside := outer(httptest.NewRecorder())
			delivery.Serve(outside, httptest.NewRequest(http.MethodGet, "/", nil), delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
				for w != outside {
					layer, ok := w.(interface{ Unwrap() http.ResponseWriter })
					if !ok {
						t.Fatalf("a %T hides the outer layers", w)
					}
					w = layer.Unwrap()
				}
			})
		})
	}
}

// deadlineRecorder notes the write deadline.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (r *deadlineRecorder) SetReadDeadline(time.Time) error { return nil }

func (r *deadlineRecorder) SetWriteDeadline(deadline time.Time) error {
	r.deadline = deadline
	return nil
}

// keeper is an outer layer that keeps the whole response, as http.TimeoutHandler
// does. It cannot flush.
type keeper struct{ http.ResponseWriter }

func (k keeper) SetReadDeadline(time.Time) error { return nil }

func (k keeper) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(k.ResponseWriter).SetWriteDeadline(deadline)
}

// While a response waits in the server's buffer, its cookies may become wrong. Then
// it must not leave.
func TestBufferedResponseIsCutOff(t *testing.T) {
	tests := []struct {
		name     string
		keptLong bool // the first part is long, and an outer layer keeps all of it
		waits    time.Duration
		server   bool // net/http runs the handler
		http3    bool // quic-go runs it
		leave    func(w http.ResponseWriter) error
		wantErr  bool // of leave
		wantCut  bool
	}{
		{name: "the handler returns", waits: time.Second, server: true, wantCut: true},
		{name: "it flushes", waits: time.Second, server: true, leave: flush, wantCut: true},
		{name: "it writes more", waits: time.Second, server: true, leave: writeMore, wantErr: true, wantCut: true},
		{name: "an outer layer keeps a long body", keptLong: true, waits: time.Second, server: true, leave: writeMore, wantErr: true, wantCut: true},
		{name: "it panics", waits: time.Second, server: true, leave: func(http.ResponseWriter) error { panic("broken") }, wantCut: true},
		{name: "an HTTP/3 server", waits: time.Second, http3: true, leave: writeMore, wantErr: true, wantCut: true},
		{name: "another server, which cannot cut it off", waits: time.Second, leave: writeMore, wantErr: true},
		{name: "just checked", waits: 99 * time.Millisecond, server: true, leave: flush},
		{name: "no longer just checked", waits: 100 * time.Millisecond, server: true, leave: flush, wantCut: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outcome{done: make(chan error, 1)}
				ctx := t.Context()
				if test.server {
					ctx = withServer(ctx, 0)
				}
				if test.http3 {
					ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.UDPAddr{})
				}
				r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
				gone := errors.New("the user has logged out")
				w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
				defer func() {
					if v := recover(); (v == http.ErrAbortHandler || v == "broken") != test.wantCut { //nolint:errorlint // the value itself
						t.Errorf("recovered %v, want it cut off: %t", v, test.wantCut)
					}
					if isPast := !w.deadline.IsZero() && w.deadline.Before(time.Now()); isPast != test.wantCut {
						t.Errorf("write deadline %v, want it in the past: %t", w.deadline, test.wantCut)
					}
					var want error
					if test.waits >= 100*time.Millisecond {
						want = gone
					}
					if err := o.wait(t); !errors.Is(err, want) {
						t.Errorf("Done(%v), want %v", err, want)
					}
				}()
				var outside http.ResponseWriter = w
				first := "the first part"
				if test.keptLong {
					outside, first = keeper{w}, longBody
				}
				delivery.Serve(outside, r, delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
					_, _ = io.WriteString(w, first)
					o.check.Store(&gone)
					time.Sleep(test.waits)
					if test.leave == nil {
						return
					}
					if err := test.leave(w); (err != nil) != test.wantErr {
						t.Errorf("the handler got %v", err)
					}
				})
			})
		})
	}
}

// A header can wait in the buffer for longer than one check is good for.
func TestBufferedResponseIsCheckedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outcome{done: make(chan error, 1)}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		gone := errors.New("the user has logged out")
		delivery.Serve(httptest.NewRecorder(), r, delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
			for range 3 {
				if err := writeMore(w); err != nil {
					t.Errorf("refused while the decision holds: %v", err)
				}
				time.Sleep(time.Second)
			}
			o.check.Store(&gone)
			for range 2 {
				if err := writeMore(w); !errors.Is(err, gone) {
					t.Errorf("got %v, want %v", err, gone)
				}
				time.Sleep(time.Second)
			}
		})
		if err := o.wait(t); !errors.Is(err, gone) {
			t.Errorf("Done(%v), want %v", err, gone)
		}
	})
}

// Nothing cuts off a response that has left, or that carries no cookies of ours.
func TestResponseGoesOnAfterLogout(t *testing.T) {
	tests := []struct {
		name  string
		outer func(http.ResponseWriter) http.ResponseWriter // nil: none
		begin func(w http.ResponseWriter) error
		want  error
	}{
		{name: "a flushed stream", begin: flush},
		{name: "a flushed stream, inside a layer with Unwrap alone", outer: newUnwrapper, begin: flush},
		{name: "a long body", begin: writeLong},
		{name: "a long body, inside a layer with Unwrap alone", outer: newUnwrapper, begin: writeLong},
		{name: "a long body from a reader", outer: newReaderFrom, begin: func(w http.ResponseWriter) error {
			_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader(longBody))
			return err
		}},
		{name: "cookies of the application", begin: func(w http.ResponseWriter) error {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "other"})
			return writeMore(w)
		}, want: delivery.ErrReplaced},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outcome{done: make(chan error, 1)}
				r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(withServer(t.Context(), 0))
				gone := errors.New("the user has logged out")
				var outside http.ResponseWriter = httptest.NewRecorder()
				if test.outer != nil {
					outside = test.outer(outside)
				}
				delivery.Serve(outside, r, delivery.Cookies{Lines: lines, Vary: "Cookie", Decision: o}, func(w http.ResponseWriter) {
					if err := test.begin(w); err != nil {
						t.Error(err)
					}
					o.check.Store(&gone)
					time.Sleep(time.Second)
					if err := writeMore(w); err != nil {
						t.Errorf("the handler got %v", err)
					}
				})
				if err := o.wait(t); !errors.Is(err, test.want) {
					t.Errorf("Done(%v), want %v", err, test.want)
				}
			})
		})
	}
}

// inside returns a middleware that replaces the ResponseWriter.
func inside(replace func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	if replace == nil {
		return nil
	}
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(replace(w), r) })
	}
}

// unwrapper is a layer that has the methods of the ResponseWriter inside for an
// http.ResponseController only.
type unwrapper struct{ inside http.ResponseWriter }

func newUnwrapper(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} }

func (u unwrapper) Header() http.Header         { return u.inside.Header() }
func (u unwrapper) Write(p []byte) (int, error) { return u.inside.Write(p) }
func (u unwrapper) WriteHeader(status int)      { u.inside.WriteHeader(status) }
func (u unwrapper) Unwrap() http.ResponseWriter { return u.inside }

// flusher is a layer that also has Flush, as those of many loggers.
type flusher struct{ unwrapper }

func newFlusher(w http.ResponseWriter) http.ResponseWriter { return flusher{unwrapper{w}} }

func (f flusher) Flush() { _ = flush(f.inside) }

// notifier is a layer with the old http.CloseNotifier.
type notifier struct{ flusher }

func newNotifier(w http.ResponseWriter) http.ResponseWriter {
	return notifier{flusher{unwrapper{w}}}
}

func (notifier) CloseNotify() <-chan bool { return nil }

// newFlushOnly returns a layer around another that hides the deadlines of w.
func newFlushOnly(w http.ResponseWriter) http.ResponseWriter {
	return newUnwrapper(struct {
		http.ResponseWriter
		http.Flusher
	}{w, w.(http.Flusher)})
}

// readerFrom is a ResponseWriter that also copies from a reader.
type readerFrom struct {
	http.ResponseWriter
	http.Flusher
}

func newReaderFrom(w http.ResponseWriter) http.ResponseWriter {
	return readerFrom{w, w.(http.Flusher)}
}

func (r readerFrom) ReadFrom(src io.Reader) (int64, error) { return io.Copy(r.ResponseWriter, src) }

// longBody is longer than a server and a compressing layer buffer.
var longBody = strings.Repeat("x", 64<<10)

func writeLong(w http.ResponseWriter) error {
	_, err := io.WriteString(w, longBody)
	return err
}

func flush(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }

func writeMore(w http.ResponseWriter) error {
	_, err := io.WriteString(w, "the rest")
	return err
}
