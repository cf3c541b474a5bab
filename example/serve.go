package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout is longer than the 8 s for which /api/refresh tries and the
	// 10 s for which a request waits for its refresh.
	writeTimeout     = 20 * time.Second
	idleTimeout      = 60 * time.Second
	shutdownPatience = 15 * time.Second
)

// site is the program, put together.
type site struct {
	fake     *crossminttest.Server // nil with a real upstream
	client   *crossmint.Client
	sessions *session.Manager
	handler  http.Handler
}

// serve runs the site until ctx ends, and closes it.
func (s *site) serve(ctx context.Context, addr *net.TCPAddr, stdout, stderr io.Writer) error {
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return errors.Join(err, s.close(ctx))
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if !addr.IP.IsLoopback() {
		fmt.Fprintf(stderr, "example: %s is not loopback: cookies are Secure, and browsers will refuse them over plain http\n", listener.Addr())
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return errors.Join(err, server.Shutdown(patient), s.close(patient))
}

// close ends what is behind the server, which must be shut down before: the
// refreshes in flight, then the client that they use.
func (s *site) close(ctx context.Context) error {
	err := s.sessions.Close(ctx)
	s.client.Close()
	if s.fake != nil {
		s.fake.Close()
	}
	return err
}
