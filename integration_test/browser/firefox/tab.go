package firefox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Tab is one tab, with a profile of its own.
type Tab struct {
	session     *connection
	userContext string // the profile: its cookies and its storage
	id          string
	first       bool // its end is the end of the profile
}

// NewTab opens a tab with an empty profile. The caller must call Close.
func (p *Process) NewTab(ctx context.Context) (*Tab, error) {
	user, err := call[struct {
		UserContext string `json:"userContext"`
	}](ctx, p.session, "browser.createUserContext", nil)
	if err != nil {
		return nil, err
	}
	return openTab(ctx, p.session, user.UserContext, true)
}

// Second opens a second tab with the same profile. The caller must call Close before it
// calls Close of t.
func (t *Tab) Second(ctx context.Context) (*Tab, error) {
	return openTab(ctx, t.session, t.userContext, false)
}

func openTab(ctx context.Context, session *connection, userContext string, first bool) (*Tab, error) {
	tab, err := call[struct {
		Context string `json:"context"`
	}](ctx, session, "browsingContext.create", map[string]any{"type": "tab", "userContext": userContext})
	if err != nil {
		return nil, err
	}
	return &Tab{session, userContext, tab.Context, first}, nil
}

// Open goes to a page and waits until it is loaded.
func (t *Tab) Open(ctx context.Context, url string) error {
	_, err := t.session.do(ctx, "browsingContext.navigate", map[string]any{"context": t.id, "url": url, "wait": "complete"})
	return err
}

// Evaluate runs an expression in the page, awaits a promise, and returns its value,
// which must be a string.
func (t *Tab) Evaluate(ctx context.Context, expression string) (string, error) {
	got, err := call[struct {
		Type   string `json:"type"` // "success" or "exception"
		Result struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		ExceptionDetails struct {
			Text string `json:"text"`
		} `json:"exceptionDetails"`
	}](ctx, t.session, "script.evaluate", map[string]any{
		"expression": expression, "awaitPromise": true, "target": map[string]any{"context": t.id},
	})
	switch {
	case err != nil:
		return "", err
	case got.Type != "success":
		return "", errors.New(got.ExceptionDetails.Text)
	case got.Result.Type != "string":
		return "", fmt.Errorf("the value is of type %s, want string", got.Result.Type)
	}
	var value string
	err = json.Unmarshal(got.Result.Value, &value)
	return value, err
}

// ClickTwice clicks twice with the mouse at a point of the window.
func (t *Tab) ClickTwice(ctx context.Context, x, y int, gap time.Duration) error {
	_, err := t.session.do(ctx, "input.performActions", map[string]any{
		"context": t.id,
		"actions": []any{map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
			map[string]any{"type": "pointerMove", "x": x, "y": y},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
			map[string]any{"type": "pause", "duration": gap.Milliseconds()},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
		}}},
	})
	return err
}

// Cookies returns the names of all cookies of the profile.
func (t *Tab) Cookies(ctx context.Context) ([]string, error) {
	got, err := call[struct {
		Cookies []struct {
			Name string `json:"name"`
		} `json:"cookies"`
	}](ctx, t.session, "storage.getCookies", map[string]any{
		"partition": map[string]any{"type": "storageKey", "userContext": t.userContext},
	})
	var all []string
	for _, c := range got.Cookies {
		all = append(all, c.Name)
	}
	return all, err
}

// Close closes the tab and, after its second tabs, deletes the profile.
func (t *Tab) Close(ctx context.Context) error {
	if !t.first {
		_, err := t.session.do(ctx, "browsingContext.close", map[string]any{"context": t.id})
		return err
	}
	_, err := t.session.do(ctx, "browser.removeUserContext", map[string]any{"userContext": t.userContext})
	return err
}
