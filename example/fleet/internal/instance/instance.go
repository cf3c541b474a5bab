// Package instance is one instance of the site: a process of its own, which
// ends with the one that started it.
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

// Variable is set in the environment of a process that is to be an instance.
const Variable = "FLEET_INSTANCE"

// Order is what an instance is told, as a line of JSON on its standard input:
// command lines and environments can be read by others.
type Order struct {
	Name     string
	APIKey   string
	BaseURL  string
	Signers  map[crossmint.Environment]ed25519.PublicKey
	StoreURL string
	Secret   string // of the deployment
}

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout is longer than patience.
	writeTimeout     = 30 * time.Second
	shutdownPatience = 5 * time.Second
)

// Run is the process: it reads its order, says on stdout where it listens, and
// serves until stdin ends. It returns the exit status.
func Run(stdin io.Reader, stdout, stderr io.Writer) int {
	signal.Ignore(os.Interrupt) // it reaches the whole terminal; who started us ends us
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
	// Fifty refreshes at once are no news on a terminal; a doubted store is.
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
		_, _ = io.Copy(io.Discard, lines) // until the pipe is closed, by whom or what ever
		ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
		defer cancel()
		_ = server.Shutdown(ctx) // who is left is cut off
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	return s.close(ctx)
}

// close ends what is behind the server: the refreshes in flight, with them the
// coordinator, then the client that they use.
func (s *site) close(ctx context.Context) error {
	err := s.sessions.Close(ctx)
	s.client.Close()
	return err
}
