package crossminttest

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// A response is what the fake sends. An empty contentType means application/json.
type response struct {
	status      int
	contentType string
	body        []byte
}

// An exchange is one running call. A fault may change its course.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	closing <-chan struct{}

	execute  func() response // makes the call take effect
	executed bool
	result   response // valid once executed
}

// response makes the call take effect, once, and returns the correct response.
func (x *exchange) response() response {
	if !x.executed {
		x.executed, x.result = true, x.execute()
	}
	return x.result
}

func (x *exchange) write(res response) {
	x.writeHeader(res, len(res.body))
	_, _ = x.w.Write(res.body) // the client may have disconnected
}

// writeHeader writes the header of res. It omits a length that is not positive:
// 204 and 304 must have none (RFC 9110 §8.6).
func (x *exchange) writeHeader(res response, length int) {
	header := x.w.Header()
	if res.contentType == "" {
		res.contentType = "application/json"
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", res.contentType)
	}
	if length > 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	x.w.WriteHeader(res.status)
}

// send writes and flushes a part of the body.
func (x *exchange) send(part []byte) {
	_, _ = x.w.Write(part) // the client may have disconnected
	_ = http.NewResponseController(x.w).Flush()
}

// wait sleeps for d. If the client disconnects or the fake closes meanwhile, it
// aborts the exchange.
func (x *exchange) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	x.await(timer.C)
}

// await is wait for a channel. A nil channel never fires.
func (x *exchange) await(tick <-chan time.Time) {
	select {
	case <-tick:
		return
	case <-x.r.Context().Done():
	case <-x.closing:
	}
	panic(http.ErrAbortHandler)
}

// reset breaks the connection with a TCP reset. Where the connection cannot be
// hijacked, as with HTTP/2 or a recorder, it aborts the handler.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn() // without a TLS alert
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
