package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// settleTime is the time in which an instance connects and reads the denied JWTs.
const settleTime = 20 * time.Second

// idle prints the messages of an idle instance.
func idle(url string, d time.Duration) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	var lines atomic.Int64
	go func() {
		near, err := listener.Accept()
		check(err)
		far, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
		check(err)
		go count(near, far, &lines)
		go count(far, near, &lines)
	}()
	c := newInstance("nats://" + listener.Addr().String())
	c.OnDeny(func([32]byte, time.Time) {})
	time.Sleep(settleTime)
	before := lines.Load()
	time.Sleep(d)
	fmt.Printf("  an idle instance: %d lines of the protocol in %v, both directions\n", lines.Load()-before, d)
	check(c.Close(context.Background()))
	check(listener.Close())
}

// count counts the lines that it copies.
func count(dst io.WriteCloser, src io.Reader, lines *atomic.Int64) {
	defer dst.Close() //nolint:errcheck // the other direction reports nothing either
	reader := bufio.NewReader(src)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return
		}
		lines.Add(1)
		if _, err := dst.Write(line); err != nil {
			return
		}
	}
}
