package firefox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// maxMessage bounds a message of Firefox. The largest are screenshots.
const maxMessage = 64 << 20

// A connection is a session of WebDriver BiDi.
type connection struct {
	mu   sync.Mutex // one command runs at a time
	conn *websocket.Conn
	last int // the ID of the last command

	version string // of Firefox
}

// capabilities let Firefox accept the certificates of tests.
var capabilities = map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{"acceptInsecureCerts": true}}}

func connect(ctx context.Context, url string) (*connection, error) {
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	c := &connection{conn: conn}
	created, err := call[struct {
		Capabilities struct {
			BrowserVersion string `json:"browserVersion"`
		} `json:"capabilities"`
	}](ctx, c, "session.new", capabilities)
	if err != nil {
		c.close()
		return nil, err
	}
	c.version = created.Capabilities.BrowserVersion
	return c, nil
}

func (c *connection) close() { _ = c.conn.CloseNow() }

// message is a response of Firefox.
type message struct {
	Type    string          `json:"type"` // "success", "error" or "event"
	ID      int             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// do runs a command and returns its result. After an expired ctx the connection is
// closed.
func (c *connection) do(ctx context.Context, method string, params map[string]any) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	if params == nil {
		params = map[string]any{}
	}
	command := map[string]any{"id": c.last, "method": method, "params": params}
	if err := wsjson.Write(ctx, c.conn, command); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	for {
		var m message
		if err := wsjson.Read(ctx, c.conn, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case m.ID != c.last || m.Type == "event":
		case m.Type == "error":
			return nil, fmt.Errorf("%s: %s: %s", method, m.Error, m.Message)
		default:
			return m.Result, nil
		}
	}
}

// call is do with a decoded result.
func call[T any](ctx context.Context, c *connection, method string, params map[string]any) (T, error) {
	var result T
	raw, err := c.do(ctx, method, params)
	if err == nil {
		err = json.Unmarshal(raw, &result)
	}
	return result, err
}
