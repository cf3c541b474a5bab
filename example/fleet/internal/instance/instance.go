// Package instance is one instance of the site: a process that ends with its parent
// process.
package instance

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/crossmint-go/auth/crossmint"
)

// Variable is an environment variable that makes a process an instance.
const Variable = "FLEET_INSTANCE"

// Order is the configuration of an instance, as a line of JSON on its standard
// input: other users can read command lines and environments.
type Order struct {
	Name            string
	APIKey          string
	BaseURL         string
	APIKeyVerifiers map[crossmint.Environment]ed25519.PublicKey
	StoreURL        string
	Secret          string // of the deployment
}

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout is longer than refreshTimeout.
	writeTimeout    = 30 * time.Second
	shutdownTimeout = 5 * time.Second
)

// Run is the process: it reads its order, prints its address to stdout, and serves
// until stdin ends. It returns the exit status.
func Run(stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt) // the terminal signals all processes; the parent ends this one
	lines := bufio.NewReader(stdin)
	if err := run(lines, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "instance:", err)
		return 1
	}
	return 0
}

func run(lines *bufio.Reader, stdout, stderr io.Writer) error {
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no order: %w", err)
	}
	var o Order
	if err := json.Unmarshal(line, &o); err != nil {
		return err
	}
	// The terminal shows warnings, for example an unavailable store, but not every
	// refresh.
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})).With("instance", o.Name)
	s, err := newSite(o, logger)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, s.close(context.Background()))
	}
	fmt.Fprintln(stdout, listener.Addr())
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout}
	go func() {
		_, _ = io.Copy(io.Discard, lines) // until the parent closes the pipe or dies
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		_ = server.Shutdown(ctx) // the remaining connections are closed
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return s.close(ctx)
}

// close ends the refreshes in flight and the coordinator, then the client that they
// use.
func (s *site) close(ctx context.Context) error {
	err := s.sessions.Close(ctx)
	s.client.Close()
	return err
}
