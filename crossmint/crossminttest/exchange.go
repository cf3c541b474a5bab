package crossminttest

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// reply is an answer. An empty contentType means application/json.
type reply struct {
	status      int
	contentType string
	body        []byte
}

// exchange is one call under way, on which a fault may strike.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	closing <-chan struct{}

	take   func() reply // lets the call take effect
	taken  bool
	result reply
}

// answer lets the call take effect, once, and returns the right answer.
func (x *exchange) answer() reply {
	if !x.taken {
		x.taken, x.result = true, x.take()
	}
	return x.result
}

// write gives answer.
func (x *exchange) write(answer reply) {
	x.promise(answer, len(answer.body))
	_, _ = x.w.Write(answer.body) // the client may be gone
}

// promise writes the header of answer. A length that is not positive is left
// out: 204 and 304 must have none.
func (x *exchange) promise(answer reply, length int) {
	header := x.w.Header()
	if answer.contentType == "" {
		answer.contentType = "application/json"
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", answer.contentType)
	}
	if length > 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	x.w.WriteHeader(answer.status)
}

// send writes a part of the body at once.
func (x *exchange) send(part []byte) {
	_, _ = x.w.Write(part) // the client may be gone
	_ = http.NewResponseController(x.w).Flush()
}

// wait sleeps for d. If the client leaves or the fake closes meanwhile, the
// exchange is over.
func (x *exchange) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	x.await(timer.C)
}

// await waits for a tick, as wait does. A nil channel never ticks.
func (x *exchange) await(tick <-chan time.Time) {
	select {
	case <-tick:
		return
	case <-x.r.Context().Done():
	case <-x.closing:
	}
	panic(http.ErrAbortHandler)
}

// reset breaks the connection so that the client sees a reset, not an orderly
// end. Where there is no connection to take over, as under HTTP/2 or with a
// recorder, it aborts the handler.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn() // no TLS alert says goodbye
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
