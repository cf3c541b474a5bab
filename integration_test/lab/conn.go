package lab

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// bufferSize is the part of a response that net/http holds back until the
// handler flushes it or returns.
const bufferSize = 4 << 10

// conn is the server's end of one request. Like net/http it copies the header
// when the handler writes it, and sends it when the handler flushes or returns,
// or when the buffer is full. It drops the buffer of a handler that panics.
type conn struct {
	// onHeader runs when the header is final, and onSend when it leaves for
	// the browser. Each runs once at the most.
	onHeader, onSend func()

	mu       sync.Mutex // guards all below
	header   http.Header
	status   int         // 0 until the header is final
	final    http.Header // valid once status is set
	body     bytes.Buffer
	hints    int // informational responses
	sent     bool
	hijacked *rawConn
}

func newConn() *conn { return &conn{header: http.Header{}} }

func (c *conn) Header() http.Header { return c.header }

func (c *conn) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	c.mu.Lock()
	switch {
	case c.status != 0 || c.hijacked != nil:
		c.mu.Unlock()
		return
	case informational:
		c.hints++
		c.mu.Unlock()
		return
	}
	c.status, c.final = status, c.header.Clone()
	c.mu.Unlock()
	c.onHeader()
}

func (c *conn) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	c.mu.Lock()
	full := c.body.Len()+len(b) > bufferSize
	_, _ = c.body.Write(b) // never fails
	c.mu.Unlock()
	if full {
		c.send()
	}
	return len(b), nil
}

func (c *conn) Flush() {
	c.WriteHeader(http.StatusOK)
	c.send()
}

func (c *conn) send() {
	c.mu.Lock()
	first := !c.sent && c.hijacked == nil
	c.sent = true
	c.mu.Unlock()
	if first {
		c.onSend()
	}
}

func (c *conn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status != 0 || c.hijacked != nil {
		return nil, nil, errors.New("lab: the response has begun")
	}
	c.hijacked = &rawConn{onHeader: c.finishHijacked}
	return c.hijacked, bufio.NewReadWriter(bufio.NewReader(c.hijacked), bufio.NewWriter(c.hijacked)), nil
}

// finish ends the request as net/http does when its handler has returned. A
// handler that panicked has cut the connection.
func (c *conn) finish(panicked bool) {
	c.mu.Lock()
	hijacked := c.hijacked != nil
	c.mu.Unlock()
	if !hijacked && !panicked {
		c.Flush()
	}
}

// finishHijacked takes the response from the bytes that the handler wrote.
func (c *conn) finishHijacked(written []byte) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(written)), nil)
	if err != nil {
		return
	}
	_ = res.Body.Close()
	c.mu.Lock()
	c.status, c.final, c.sent = res.StatusCode, res.Header, true
	c.mu.Unlock()
	c.onHeader()
	c.onSend()
}

// wasSent reports whether a header has left for the browser.
func (c *conn) wasSent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// response returns the status and the header that the browser gets, and the body
// written so far.
func (c *conn) response() (status int, header http.Header, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.final, c.body.String()
}

// cookies returns the cookies that the response sets and deletes.
func (c *conn) cookies() []*http.Cookie {
	_, header, _ := c.response()
	return (&http.Response{Header: header}).Cookies()
}

// rawConn is a hijacked connection whose other end sends nothing more.
type rawConn struct {
	net.Conn
	written  []byte
	onHeader func(written []byte)
}

func (r *rawConn) Read([]byte) (int, error) { return 0, net.ErrClosed }

func (r *rawConn) Write(b []byte) (int, error) {
	before := bytes.Contains(r.written, headerEnd)
	r.written = append(r.written, b...)
	if !before && bytes.Contains(r.written, headerEnd) {
		r.onHeader(r.written)
	}
	return len(b), nil
}

func (r *rawConn) Close() error                     { return nil }
func (r *rawConn) SetDeadline(time.Time) error      { return nil }
func (r *rawConn) SetReadDeadline(time.Time) error  { return nil }
func (r *rawConn) SetWriteDeadline(time.Time) error { return nil }

var headerEnd = []byte("\r\n\r\n")
