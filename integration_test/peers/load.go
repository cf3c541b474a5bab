package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	connections  = 16
	roundTimeout = 2 * time.Minute
)

// client sends one request after the other on each of its connections. It does less
// work than the client of net/http, so that the server limits the rate.
type client struct {
	request, body []byte
	conns         []net.Conn
	readers       []*bufio.Reader
}

// dial opens the connections to a server and sends one request on each.
func dial(address, path, cookie, body string) (*client, error) {
	c := &client{
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: peers\r\nAccept: */*\r\nCookie: %s\r\n\r\n", path, address, cookie),
		body:    []byte(body),
	}
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			c.close()
			return nil, err
		}
		c.conns = append(c.conns, conn)
		c.readers = append(c.readers, bufio.NewReader(conn))
	}
	if _, err := c.run(connections); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

// run sends n requests and returns the time that they took. Another response than
// the expected one is an error.
func (c *client) run(n int) (time.Duration, error) {
	errs := make([]error, len(c.conns))
	var wg sync.WaitGroup
	started := time.Now()
	for i, conn := range c.conns {
		wg.Go(func() {
			errs[i] = conn.SetDeadline(started.Add(roundTimeout))
			for sent := i; sent < n && errs[i] == nil; sent += len(c.conns) {
				errs[i] = c.exchange(conn, c.readers[i])
			}
		})
	}
	wg.Wait()
	return time.Since(started), errors.Join(errs...)
}

// exchange sends one request and reads the response.
func (c *client) exchange(conn io.Writer, from *bufio.Reader) error {
	if _, err := conn.Write(c.request); err != nil {
		return err
	}
	status, err := from.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("response: %s", status)
	}
	length, err := skipHeader(from)
	if err != nil {
		return err
	}
	body, err := from.Peek(length)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, c.body) {
		return fmt.Errorf("unexpected body: %q", body)
	}
	_, err = from.Discard(length)
	return err
}

var contentLength = []byte("Content-Length: ")

// skipHeader reads a header and returns its Content-Length.
func skipHeader(from *bufio.Reader) (length int, err error) {
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, nil
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		}
	}
}
