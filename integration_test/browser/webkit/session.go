package webkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// maxResponse bounds a response of the driver.
const maxResponse = 64 << 20

// capabilities let the browser accept the certificates of tests.
var capabilities = map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}

// A session is a session of WebDriver: one browser.
type session struct {
	client  http.Client
	driver  string // the port of the driver
	id      string
	version string
	base    string // a window that stays open

	mu     sync.Mutex // one command runs at a time
	window string     // the window of the last command
}

// newSession waits for the driver and starts a browser.
func newSession(ctx context.Context, port string) (*session, error) {
	s := &session{driver: port}
	s.client.Transport = &http.Transport{} // without a proxy
	for s.send(ctx, http.MethodGet, "/status", nil, nil) != nil {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the driver does not listen: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	var created struct {
		SessionID    string `json:"sessionId"`
		Capabilities struct {
			BrowserVersion string `json:"browserVersion"`
		} `json:"capabilities"`
	}
	if err := s.send(ctx, http.MethodPost, "/session", capabilities, &created); err != nil {
		s.client.CloseIdleConnections()
		return nil, err
	}
	s.id, s.version = created.SessionID, created.Capabilities.BrowserVersion
	return s, s.send(ctx, http.MethodGet, "/session/"+s.id+"/window", nil, &s.base)
}

// do runs a command in a window and decodes its result, unless result is nil.
func (s *session) do(ctx context.Context, window, method, path string, body, result any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if window != s.window {
		if err := s.send(ctx, http.MethodPost, "/session/"+s.id+"/window", map[string]any{"handle": window}, nil); err != nil {
			return err
		}
		s.window = window
	}
	return s.send(ctx, method, "/session/"+s.id+path, body, result)
}

// send sends a command to the driver.
func (s *session) send(ctx context.Context, method, path string, body, result any) error {
	var encoded bytes.Buffer
	if method == http.MethodPost {
		if err := json.NewEncoder(&encoded).Encode(body); err != nil {
			return err
		}
	}
	url := "http://" + net.JoinHostPort("127.0.0.1", s.driver) + path
	req, err := http.NewRequestWithContext(ctx, method, url, &encoded)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return decode(res, result)
}

// decode reads the response to a command.
func decode(res *http.Response, result any) error {
	var response struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxResponse)).Decode(&response); err != nil {
		return fmt.Errorf("status %d: %w", res.StatusCode, err)
	}
	if res.StatusCode != http.StatusOK {
		var failure struct{ Error, Message string }
		if err := json.Unmarshal(response.Value, &failure); err != nil {
			return fmt.Errorf("status %d: %w", res.StatusCode, err)
		}
		return fmt.Errorf("%s: %s", failure.Error, failure.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(response.Value, result)
}
