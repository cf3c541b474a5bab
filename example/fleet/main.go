// Command fleet runs two instances of a small site behind a load balancer. They
// share their refreshes through a store. A page shows the fleet, and lets its
// reader disturb it:
//
//	go -C example/fleet run .
//
// Everything runs on this machine, and ends with this process. The balancer, a fake
// Crossmint, the page and the store run in this process; the instances are separate
// processes. The flag -store chooses another store: redis-server starts a redis-server or
// valkey-server, which the page can freeze, and an address such as redis://localhost:6379,
// postgres://localhost/name or nats://localhost:4222 is that of a store that runs
// already:
//
//	go -C example/fleet run . -store=postgres://me@localhost/test
//
// In PostgreSQL it creates the table, unless that exists.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/example/fleet/internal/instance"
	"github.com/crossmint-go/auth/example/fleet/internal/store"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout is longer than two instances may take, one after the other.
	writeTimeout    = 60 * time.Second
	shutdownTimeout = 5 * time.Second
)

func main() {
	if os.Getenv(instance.Variable) != "" {
		os.Exit(instance.Run(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 2 for a mistake in the arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args)
	if err != nil {
		fmt.Fprintln(stderr, "fleet:", err)
		return 2
	}
	if err := serve(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "fleet:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// options are the options of the command line.
type options struct {
	addr  *net.TCPAddr
	store string
}

func parseFlags(args []string) (o options, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is one line, which run prints
	addr := flags.String("addr", "127.0.0.1:8080", "loopback `host:port` to listen on")
	flags.StringVar(&o.store, "store", store.Memory, "memory, redis-server, or the `URL` of a store")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.addr, err = net.ResolveTCPAddr("tcp", *addr); err != nil {
		return o, fmt.Errorf("-addr: %w", err)
	}
	if !o.addr.IP.IsLoopback() {
		return o, errors.New("-addr must be a loopback address: the page kills processes")
	}
	if err := store.Check(o.store); err != nil {
		return o, fmt.Errorf("-store: %w", err)
	}
	return o, nil
}

// serve runs everything until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer) (err error) {
	w, err := newWorld(ctx, o.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	listener, err := net.ListenTCP("tcp", o.addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	server := &http.Server{
		Handler: w.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return server.Close() // closes the remaining connections
	}
	return nil
}
