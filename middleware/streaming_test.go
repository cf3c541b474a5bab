package middleware_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// site serves h behind the middleware on a socket, and returns a request of a
// browser whose JWT has expired.
func (e *env) site(t *testing.T, h http.HandlerFunc) (*httptest.Server, *http.Request) {
	t.Helper()
	server := httptest.NewServer(e.require(middleware.Config{})(h))
	t.Cleanup(server.Close)
	jwt, refresh := e.expired()
	r := get(server.URL+"/", jwt, refresh)
	r.RequestURI = ""
	return server, r
}

// TestServerSentEvents reads the first event while the handler is still running.
func TestServerSentEvents(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	seen := make(chan struct{})
	server, r := e.site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "data: two\n\n")
	})
	res, err := server.Client().Do(r)
	must(t, err)
	defer res.Body.Close()
	body := bufio.NewReader(res.Body)
	first, err := body.ReadString('\n')
	must(t, err)
	close(seen)
	rest, err := io.ReadAll(body)
	must(t, err)
	if got := testkit.ResponseOutcome(t, res) + " " + first + string(rest); got != "200 renewed data: one\n\ndata: two\n\n" {
		t.Errorf("response: %q", got)
	}
}

func TestEarlyHints(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	server, r := e.site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "page")
	})
	var hints []string
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, " ", header.Get("Link"), header["Set-Cookie"]))
		return nil
	}}
	res, err := server.Client().Do(r.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
	must(t, err)
	defer res.Body.Close()
	if got := fmt.Sprint(hints, testkit.ResponseOutcome(t, res)); got != "[103 </style.css>; rel=preload[]]200 renewed" {
		t.Errorf("hints and response: %s", got)
	}
}

func TestResponseController(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	server, r := e.site(t, func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		for name, err := range map[string]error{
			"read deadline": control.SetReadDeadline(time.Time{}), "write deadline": control.SetWriteDeadline(time.Time{}),
			"full duplex": control.EnableFullDuplex(), "flush": control.Flush(),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	res, err := server.Client().Do(r)
	must(t, err)
	_ = res.Body.Close()
	if got := testkit.ResponseOutcome(t, res); got != "200 renewed" {
		t.Errorf("response: %s", got)
	}
}

// TestShutdownEndsStream stops a server with an open stream, which ends as
// docs/operations.md describes.
func TestShutdownEndsStream(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	stopping, stop := context.WithCancel(t.Context())
	server, r := e.site(t, func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		ctx, end := e.sessions.SessionContext(r.Context(), s)
		defer end()
		defer context.AfterFunc(stopping, end)()
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
	})
	server.Config.RegisterOnShutdown(stop)
	res, err := server.Client().Do(r)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	must(t, server.Config.Shutdown(t.Context()))
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream broke: %v", err)
	}
}

// upgrade responds with 101 and the headers that are set so far, as WebSocket
// libraries do, and then echoes the bytes that it reads.
func upgrade(t *testing.T, w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n")
	_ = w.Header().Write(conn)
	_, _ = io.WriteString(conn, "\r\n")
	_, _ = io.Copy(conn, buffered)
}

func TestUpgrade(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	user := make(chan string, 1)
	server, r := e.site(t, func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		user <- s.UserID
		upgrade(t, w)
	})
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "echo")
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	defer conn.Close()
	must(t, r.Write(conn))
	back := bufio.NewReader(conn)
	res, err := http.ReadResponse(back, r)
	must(t, err)
	if got := testkit.ResponseOutcome(t, res); got != "101 renewed" || <-user == "" {
		t.Errorf("response: %s", got)
	}
	_, err = io.WriteString(conn, "hello\n")
	must(t, err)
	if line, err := back.ReadString('\n'); line != "hello\n" {
		t.Errorf("echo: %q, %v", line, err)
	}
}
