package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

const (
	herdSize   = 1000
	herdRounds = 5
)

// herd measures the time from the release of the requests to the last response.
func herd() error {
	for _, latency := range []time.Duration{50 * time.Millisecond, 2500 * time.Millisecond, 8 * time.Second} {
		rounds := herdRounds
		if latency > time.Second {
			rounds = 1
		}
		var took []time.Duration
		for range rounds {
			d, err := measureHerd(latency)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		slices.Sort(took)
		median := took[len(took)/2]
		fmt.Printf("  upstream %5v: 1 call, %d × 200, the same cookies; median of %d: %v, %.2f × upstream (%v to %v)\n",
			latency, herdSize, rounds, median.Round(time.Millisecond), float64(median)/float64(latency), took[0].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
	return nil
}

// measureHerd sends one herd and checks that one refresh serves all requests. Its
// clients share the processors with the server, so they do little: they write
// prepared bytes and parse the responses later.
func measureHerd(latency time.Duration) (time.Duration, error) {
	s, err := newSite(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	if err != nil {
		return 0, err
	}
	defer s.close()
	server := httptest.NewServer(s.handler)
	defer server.Close()
	grant := s.fake.ExpiredGrant(s.fake.NewUser("ann@example.com"))
	s.fake.SetLatency(crossminttest.Refresh, latency)
	request := []byte("GET / HTTP/1.1\r\nHost: app.example\r\nCookie: crossmint-session=" + grant.JWT.Reveal() +
		"; crossmint-refresh-token=" + grant.RefreshToken.Secret.Reveal() + "\r\n\r\n")

	opened, finished, release := sync.WaitGroup{}, sync.WaitGroup{}, make(chan struct{})
	clients, responses, errs := make([]*client, herdSize), make([][]byte, herdSize), make([]error, herdSize)
	opened.Add(herdSize)
	for i := range herdSize {
		finished.Go(func() {
			clients[i], errs[i] = open(server.Listener.Addr().String())
			opened.Done()
			<-release
			if errs[i] == nil {
				responses[i], errs[i] = clients[i].exchange(request)
			}
		})
	}
	opened.Wait()
	started := time.Now()
	close(release)
	finished.Wait()
	took := time.Since(started)
	for _, c := range clients {
		if c != nil {
			_ = c.Close()
		}
	}
	return took, errors.Join(errors.Join(errs...), checkEqual(responses),
		check(s.fake.Calls().Refresh == 1, "%d calls of upstream, want 1", s.fake.Calls().Refresh))
}

// client is one open connection.
type client struct {
	net.Conn
	reader *bufio.Reader
}

// open dials and sends one request without cookies, so that the server has started
// the connection.
func open(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn, bufio.NewReader(conn)}
	if _, err = c.exchange([]byte("GET / HTTP/1.1\r\nHost: app.example\r\n\r\n")); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

// exchange sends a request and returns the bytes of the response.
func (c *client) exchange(request []byte) ([]byte, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	var response []byte
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		response = append(response, line...)
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(text))); err != nil {
				return nil, err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	body, err := c.reader.Peek(length)
	if err == nil {
		response = append(response, body...)
		_, err = c.reader.Discard(length)
	}
	return response, err
}

// checkEqual checks that all responses are 200 with the same cookies.
func checkEqual(responses [][]byte) error {
	var first []string
	for i, response := range responses {
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(response)), nil)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		var values []string
		for _, c := range res.Cookies() {
			values = append(values, c.Name+"="+c.Value)
		}
		if i == 0 {
			first = values
		}
		if res.StatusCode != http.StatusOK || len(values) != 2 || !slices.Equal(values, first) {
			return fmt.Errorf("response %d: %s with %d cookies", i, res.Status, len(values))
		}
	}
	return nil
}
