package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// serveVariable is the environment variable with the contender to serve.
const serveVariable = "PEERS_SERVE"

// serve runs a server process until the end of in. The first line of in has the
// settings, the first line of out the address. For each later line of in it writes
// the CPU time in microseconds.
func serve(name string, in io.Reader, out io.Writer) error {
	c, ok := contenderByName(name)
	if !ok {
		return fmt.Errorf("no such contender")
	}
	lines := bufio.NewScanner(in)
	lines.Scan()
	var s settings
	if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	handler, err := c.build(ctx, s)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// The example has the same timeouts: net/http works a little less if the first
	// two are equal.
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute}
	defer server.Close()
	go func() { _ = server.Serve(listener) }()
	for _, err = fmt.Fprintln(out, listener.Addr()); err == nil && lines.Scan(); {
		_, err = fmt.Fprintln(out, cpuTime().Microseconds())
	}
	return err
}

// cpuTime returns the CPU time of this process.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
