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
	// writeTimeout exceeds the time that a sign-in may take (22 s), and that of a
	// request that waits for its refresh (10 s).
	writeTimeout    = 25 * time.Second
	idleTimeout     = 60 * time.Second
	shutdownTimeout = 30 * time.Second // longer than writeTimeout
)

// site combines the parts of the program.
type site struct {
	fake     *crossminttest.Server // nil with a real upstream
	client   *crossmint.Client
	sessions *session.Manager
	handler  http.Handler
}

// serve runs the site until ctx ends, and closes it. It returns nil after a
// clean stop.
func (s *site) serve(ctx context.Context, addr *net.TCPAddr, stdout, stderr io.Writer) error {
	listener, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return errors.Join(fmt.Errorf("%w; choose another address with -addr", err), s.close(ctx))
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if !addr.IP.IsLoopback() {
		fmt.Fprintf(stderr, "example: %s is not a loopback address: cookies are Secure, and browsers reject them over plain http\n", listener.Addr())
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err = <-stopped:
	case <-ctx.Done():
	}
	shutdownCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(err, server.Shutdown(shutdownCtx), s.close(shutdownCtx))
}

// close waits for running refreshes and closes the client that they use. The
// caller must shut down the server first.
func (s *site) close(ctx context.Context) error {
	err := s.sessions.Close(ctx)
	s.client.Close()
	if s.fake != nil {
		s.fake.Close()
	}
	return err
}
