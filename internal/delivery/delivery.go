// Package delivery knows when the cookies of a response have left: when the
// response header that carries them is written. It keeps handlers, proxies and
// other layers from losing them on the way.
package delivery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/felixge/httpsnoop"
)

// Reasons why cookies do not count as delivered.
var (
	ErrDisconnected = errors.New("the client disconnected before the response was complete")
	ErrHijacked     = errors.New("the connection was hijacked")
	ErrUpgrade      = errors.New("browsers may drop the cookies of a response to a protocol upgrade")
	ErrPanicked     = errors.New("the handler panicked before the response left")
	ErrReplaceable  = errors.New("proxies may replace an error response or a 304, and drop its cookies")
	ErrReplaced     = errors.New("the application has set cookies of the same names itself")
	errWriteTimeout = fmt.Errorf("http.Server.WriteTimeout: %w", os.ErrDeadlineExceeded)
)

// Cookies are the Set-Cookie lines that a response has to carry.
type Cookies struct {
	// Lines are the values of Set-Cookie. The response header has them already.
	Lines []string
	// Numbered repeats each Set-Cookie line of the response, the last one first,
	// in the headers X-Set-Cookie-1, X-Set-Cookie-2 and so on. A proxy that reads
	// too few of them loses a deletion, and not a new cookie.
	Numbered bool
	// Vary is the request header that the response's Vary has to name.
	Vary string
	// StartedAt is the time at which the request began.
	StartedAt time.Time
	// Upgrade reports that the request asks for another protocol. Browsers
	// drop the cookies of some responses to it, so they do not count.
	Upgrade bool
	// Decision is what the cookies carry out.
	Decision Decision
}

// A Decision may change until the response has left.
type Decision interface {
	// Check runs when the response header is about to be written. If it fails,
	// for example because the user has logged out meanwhile, the response gets
	// none of the cookies. Check runs again before a header leaves that has waited
	// in the server's buffer. If it fails then, the response is cut off.
	Check() error
	// Done runs once, at the end: with nil if the cookies have left, else with
	// the reason why not.
	Done(err error)
}

// Serve calls next with a ResponseWriter that has the same optional interfaces as
// w, or at least those of an http.ResponseController. It puts c into the response
// header when that is written, whatever was done to the header meanwhile, together
// with Vary and Cache-Control: no-store, which no header for certain caches overrides.
//
// Informational responses (1xx) do not count as the response, and get no cookies. The
// cookies count as delivered when the handler flushes the response or returns, and the
// client is still connected then: an outer layer such as http.TimeoutHandler may drop
// a response that has not been flushed. With a status from 400 on, or 304, they do not
// count: a proxy may send its own error page instead (nginx: proxy_intercept_errors),
// or the page in its cache (proxy_cache_revalidate).
//
// If next panics before the header is written, Serve prepares the header as well: an
// outer layer that recovers writes it.
//
// A response that waits in the server's buffer, or in that of an outer layer which
// keeps all of it, may become wrong before it leaves. Then Serve cuts it off. A long
// response has left: its cookies are not checked again.
//
// Serve panics with [http.ErrAbortHandler] to cut a response off, and sets a write
// deadline in the past, for outer layers that recover this panic, too.
//
// The handler of a CONNECT request, for example of WebTransport, gets w itself, and its
// response no cookies: it takes over the stream by methods of the server's own
// ResponseWriter.
func Serve(w http.ResponseWriter, r *http.Request, c Cookies, next func(http.ResponseWriter)) {
	if r.Method == http.MethodConnect {
		defer c.Decision.Done(ErrUpgrade)
		setLines(w.Header(), withoutOnce(w.Header()["Set-Cookie"], c.Lines))
		next(w)
		return
	}
	t := &tracker{
		cookies: c, ctx: r.Context(), w: w, streams: canFlush(w), before: without(w.Header()["Set-Cookie"], c.Lines),
	}
	err := ErrPanicked
	defer func() {
		if errors.Is(err, ErrPanicked) {
			if recalled := t.prepare(http.StatusOK); recalled != nil {
				cutOff(w)
				err = recalled
			}
		}
		t.finish(err)
	}()
	next(httpsnoop.Wrap(withControls(w), t.hooks()))
	err = t.prepare(http.StatusOK) // net/http writes it if the handler has written nothing
	if err != nil && recoversAbort(r.Context()) {
		cutOff(w)
		panic(http.ErrAbortHandler)
	}
}

// recoversAbort reports whether the server ends a response without an end of the
// program when its handler panics with http.ErrAbortHandler: net/http does, and the
// HTTP/3 server of quic-go, which sets the second key only.
func recoversAbort(ctx context.Context) bool {
	return ctx.Value(http.ServerContextKey) != nil || ctx.Value(http.LocalAddrContextKey) != nil
}

// cutOff makes the server drop what is in its buffer, also where an outer layer
// recovers the panic that would end the connection: net/http writes nothing after the
// write deadline.
func cutOff(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(0, 0))
}

// withControls returns w with the methods that an http.ResponseController finds only
// behind it, through Unwrap. Calls of them would pass by the hooks. A w with the old
// http.CloseNotifier stays as it is, because some handlers panic without that.
func withControls(w http.ResponseWriter) http.ResponseWriter {
	switch w.(type) {
	case interface{ SetWriteDeadline(time.Time) error }, interface{ CloseNotify() <-chan bool }:
		return w
	}
	if _, unwraps := w.(interface{ Unwrap() http.ResponseWriter }); !unwraps || !canFlush(w) {
		return w
	}
	c := controls{w, http.NewResponseController(w)}
	if _, ok := w.(http.Flusher); ok {
		return flushingControls{c}
	}
	return c
}

type controls struct {
	http.ResponseWriter
	*http.ResponseController
}

// Unwrap lets code inside find the layers around.
func (c controls) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// FlushError is the method by which an http.ResponseController flushes.
func (c controls) FlushError() error { return c.ResponseController.Flush() }

// ReadFrom keeps the short way of a w that copies from files.
func (c controls) ReadFrom(src io.Reader) (int64, error) { return io.Copy(c.ResponseWriter, src) }

// flushingControls are those of an http.Flusher.
type flushingControls struct{ controls }

func (c flushingControls) Flush() { _ = c.FlushError() }

// canFlush reports whether w, or a ResponseWriter behind it, can flush.
func canFlush(w http.ResponseWriter) bool {
	for {
		switch inside := w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = inside.Unwrap()
		default:
			return false
		}
	}
}

// recheckInterval is the time after which a buffered header is checked again. A
// shorter time is no longer than that of a response on its way.
const recheckInterval = 100 * time.Millisecond

// maxBufferedBody is the size of a body that has pushed the header out of the buffers
// of net/http (2 and 4 KiB) and of layers that compress.
const maxBufferedBody = 64 << 10

// tracker follows one response.
type tracker struct {
	cookies Cookies
	ctx     context.Context
	w       http.ResponseWriter
	streams bool     // w can flush: no outer layer keeps the whole response
	before  []string // Set-Cookie lines that outer layers have set

	// mu guards all below: http.TimeoutHandler leaves goroutines behind that
	// write.
	mu        sync.Mutex
	checkedAt time.Time // when Decision.Check ran last; zero before the header is written
	written   int64     // bytes of the body
	failure   error     // why the cookies do not count although the header was written
	carried   bool      // the header has the cookies
	recalled  error     // why the response must not leave any more
	done      bool
	// extended reports that the handler has set a write deadline of its own.
	extended bool
}

func (t *tracker) hooks() httpsnoop.Hooks {
	return httpsnoop.Hooks{
		WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				switch {
				case isInformational(status):
					t.inform(func() { next(status) })
				case t.prepare(status) == nil:
					next(status)
				}
			}
		},
		Write:       func(next httpsnoop.WriteFunc) httpsnoop.WriteFunc { return guard(t, next) },
		WriteString: func(next httpsnoop.WriteStringFunc) httpsnoop.WriteStringFunc { return guard(t, next) },
		ReadFrom:    func(next httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc { return guard(t, next) },
		Flush: func(next httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() {
				if t.prepare(http.StatusOK) == nil {
					next()
					t.finish(nil)
				}
			}
		},
		FlushError: func(next httpsnoop.FlushErrorFunc) httpsnoop.FlushErrorFunc {
			return func() error {
				err := t.prepare(http.StatusOK)
				if err != nil {
					return err
				}
				if err = next(); err == nil {
					t.finish(nil)
				}
				return err
			}
		},
		SetWriteDeadline: func(next httpsnoop.SetWriteDeadlineFunc) httpsnoop.SetWriteDeadlineFunc {
			return func(deadline time.Time) error {
				err := next(deadline)
				if err == nil {
					t.mu.Lock()
					t.extended = true
					t.mu.Unlock()
				}
				return err
			}
		},
		Hijack: func(next httpsnoop.HijackFunc) httpsnoop.HijackFunc {
			return func() (net.Conn, *bufio.ReadWriter, error) {
				conn, rw, err := next()
				if err == nil {
					_ = t.prepare(http.StatusSwitchingProtocols) // the handler may write w.Header() to conn
					t.finish(ErrHijacked)
				}
				return conn, rw, err
			}
		},
	}
}

// guard returns write with a look at whether the response may still leave.
func guard[T any, N int | int64](t *tracker, write func(T) (N, error)) func(T) (N, error) {
	return func(from T) (N, error) {
		if err := t.prepare(http.StatusOK); err != nil {
			return 0, err
		}
		n, err := write(from)
		t.mu.Lock()
		t.written += int64(n)
		t.mu.Unlock()
		return n, err
	}
}

// prepare runs before anything of the response is written or leaves. It puts the
// cookies into the response header before that is written. Afterwards it checks,
// while the header is in the server's buffer, that it may still leave. Its error
// means that nothing may leave any more.
func (t *tracker) prepare(status int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.done:
	case t.checkedAt.IsZero():
		t.checkedAt = time.Now()
		t.addCookies(status)
	case t.carried && t.mayBeBuffered() && time.Since(t.checkedAt) >= recheckInterval:
		t.checkedAt = time.Now()
		t.recalled = t.cookies.Decision.Check()
		t.carried = t.recalled == nil
	}
	return t.recalled
}

// isInformational reports whether the response follows a header with this status.
func isInformational(status int) bool {
	return status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
}

// inform writes an informational header. It has no cookies of ours: some clients, for
// example curl, store them before Decision.Check has run.
func (t *tracker) inform(write func()) {
	h := t.w.Header()
	lines := h["Set-Cookie"]
	setLines(h, without(lines, t.cookies.Lines))
	write()
	setLines(h, lines)
}

// mayBeBuffered reports whether the header that was written may still wait in a buffer.
func (t *tracker) mayBeBuffered() bool { return !t.streams || t.written < maxBufferedBody }

// addCookies puts the cookies into the response header, unless they must not reach
// the browser any more.
func (t *tracker) addCookies(status int) {
	h := t.w.Header()
	t.failure = t.cookies.Decision.Check()
	if t.failure == nil && t.replacedByApplication(h["Set-Cookie"]) {
		t.failure = ErrReplaced
	}
	if t.failure != nil {
		setLines(h, withoutOnce(h["Set-Cookie"], t.cookies.Lines))
		return
	}
	t.carried = true
	switch {
	case t.cookies.Upgrade:
		t.failure = ErrUpgrade
	case status == http.StatusNotModified || status >= http.StatusBadRequest:
		t.failure = ErrReplaceable
	}
	missing := without(t.cookies.Lines, h["Set-Cookie"])
	setLines(h, append(slices.Clip(h["Set-Cookie"]), missing...))
	if got := h["Cache-Control"]; len(got) != 1 || got[0] != "no-store" {
		h.Set("Cache-Control", "no-store")
	}
	deleteTargetedCacheControl(h)
	addVary(h, t.cookies.Vary)
	if t.cookies.Numbered {
		addNumbered(h)
	}
}

// replacedByApplication reports whether the handler has set cookies with names
// of ours itself.
func (t *tracker) replacedByApplication(lines []string) bool {
	return slices.ContainsFunc(without(without(lines, t.cookies.Lines), t.before), func(theirs string) bool {
		return slices.ContainsFunc(t.cookies.Lines, func(ours string) bool { return cookieName(ours) == cookieName(theirs) })
	})
}

// finish reports the end, once. A nil err means that the response has left.
func (t *tracker) finish(err error) {
	t.mu.Lock()
	if t.done {
		t.mu.Unlock()
		return
	}
	t.done = true
	switch {
	case t.failure != nil:
		err = t.failure
	case err == nil && !t.extended:
		err = Lost(t.ctx, t.cookies.StartedAt)
	case err == nil && t.ctx.Err() != nil:
		err = ErrDisconnected
	}
	t.mu.Unlock()
	t.cookies.Decision.Done(err)
}

// Lost returns the reason why a response that is complete now does not reach the
// client, or nil: the client has disconnected, or the write timeout of the server
// has passed since the request began.
func Lost(ctx context.Context, startedAt time.Time) error {
	if ctx.Err() != nil {
		return ErrDisconnected
	}
	server, _ := ctx.Value(http.ServerContextKey).(*http.Server)
	if server == nil || server.WriteTimeout <= 0 || startedAt.IsZero() {
		return nil
	}
	if took := time.Since(startedAt); took > server.WriteTimeout {
		return fmt.Errorf("%w: it is %v, and the response took %v", errWriteTimeout, server.WriteTimeout, took.Round(time.Millisecond))
	}
	return nil
}

// without returns lines without those in remove. It changes neither.
func without(lines, remove []string) (rest []string) {
	for _, line := range lines {
		if !slices.Contains(remove, line) {
			rest = append(rest, line)
		}
	}
	return rest
}

// withoutOnce is without, but removes each line once: the application may have set
// an equal line itself.
func withoutOnce(lines, remove []string) (rest []string) {
	rest = slices.Clone(lines)
	for _, line := range remove {
		if i := slices.Index(rest, line); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}

func setLines(h http.Header, lines []string) {
	if len(lines) == 0 {
		delete(h, "Set-Cookie")
		return
	}
	h["Set-Cookie"] = lines
}

// deleteTargetedCacheControl removes the headers that certain caches heed in place of
// Cache-Control, for example CDN-Cache-Control (RFC 9213) or its older form
// Surrogate-Control. They would let a CDN give the cookies of one user to another.
func deleteTargetedCacheControl(h http.Header) {
	for name := range h {
		if strings.HasSuffix(name, "-Cache-Control") || name == "Surrogate-Control" {
			delete(h, name)
		}
	}
}

// addNumbered repeats the Set-Cookie lines, the last one first.
func addNumbered(h http.Header) {
	lines := h["Set-Cookie"]
	for i := range lines {
		h.Set("X-Set-Cookie-"+strconv.Itoa(i+1), lines[len(lines)-1-i])
	}
}

// addVary adds the name of a request header to Vary, unless it has it.
func addVary(h http.Header, name string) {
	for _, value := range h["Vary"] {
		for field := range strings.SplitSeq(value, ",") {
			if field = strings.TrimSpace(field); field == "*" || strings.EqualFold(field, name) {
				return
			}
		}
	}
	h["Vary"] = append(slices.Clip(h["Vary"]), name)
}

// cookieName returns the name in a Set-Cookie line.
func cookieName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(name)
}
