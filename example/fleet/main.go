// Command fleet is two instances of a small site behind a load balancer, which
// share their refreshes through a store, and a page on which that can be
// watched, and disturbed:
//
//	go -C example/fleet run .
//
// All of it is on this machine, and ends with this process: the balancer, a
// fake Crossmint and the page in this one; the instances, and a redis-server or
// valkey-server where there is one, in processes of their own.
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
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	// writeTimeout is longer than an instance may take, twice.
	writeTimeout     = 60 * time.Second
	shutdownPatience = 5 * time.Second
)

func main() {
	if os.Getenv(instance.Variable) != "" {
		os.Exit(instance.Run(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 2 for what its caller can put right.
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

// options are what the command line says.
type options struct {
	addr     *net.TCPAddr
	embedded bool
}

func parseFlags(args []string) (o options, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is one line, which run prints
	addr := flags.String("addr", "127.0.0.1:8080", "loopback `host:port` to listen on")
	flags.BoolVar(&o.embedded, "embedded", false, "use the store within this process, whatever else is installed")
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
	return o, nil
}

// serve runs everything until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer) (err error) {
	w, err := newWorld(o.embedded)
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
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	if err := server.Shutdown(patient); err != nil {
		return server.Close() // who is left is cut off
	}
	return nil
}
