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
	connections = 16
	// answerTime bounds a round.
	answerTime = 2 * time.Minute
)

// client keeps connections open and sends one request after the other on
// each. It does less than net/http's, so that the server is what is measured.
type client struct {
	request, page []byte
	conns         []net.Conn
	readers       []*bufio.Reader
}

// dial opens the connections to a server and sends one request on each.
func dial(address, cookie, userID string) (*client, error) {
	c := &client{
		request: fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: peers\r\nAccept: */*\r\nCookie: %s\r\n\r\n", address, cookie),
		page:    []byte(userID),
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

// run sends n requests and returns how long they took. An answer other than
// the user's page is an error.
func (c *client) run(n int) (time.Duration, error) {
	faults := make([]error, len(c.conns))
	var all sync.WaitGroup
	started := time.Now()
	for i, conn := range c.conns {
		all.Go(func() {
			faults[i] = conn.SetDeadline(started.Add(answerTime))
			for sent := i; sent < n && faults[i] == nil; sent += len(c.conns) {
				faults[i] = c.ask(conn, c.readers[i])
			}
		})
	}
	all.Wait()
	return time.Since(started), errors.Join(faults...)
}

// ask sends one request and reads its answer.
func (c *client) ask(conn io.Writer, from *bufio.Reader) error {
	if _, err := conn.Write(c.request); err != nil {
		return err
	}
	status, err := from.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answer: %s", status)
	}
	length, err := skipHeader(from)
	if err != nil {
		return err
	}
	body, err := from.Peek(length)
	if err != nil {
		return err
	}
	if !bytes.Equal(body, c.page) {
		return fmt.Errorf("not the page: %q", body)
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
