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

// serveVariable names, in the environment of a process, the contender that it
// serves.
const serveVariable = "PEERS_SERVE"

// serve is the life of a server process: the first line of in holds the
// settings, the first line of out the address; every further line is answered
// with the CPU time used, in microseconds. It ends with in.
func serve(name string, in io.Reader, out io.Writer) error {
	c, ok := named(name)
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
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	defer server.Close()
	go func() { _ = server.Serve(listener) }()
	for _, err = fmt.Fprintln(out, listener.Addr()); err == nil && lines.Scan(); {
		_, err = fmt.Fprintln(out, cpuTime().Microseconds())
	}
	return err
}

// cpuTime returns what this process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
