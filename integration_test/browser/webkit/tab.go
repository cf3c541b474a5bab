package webkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// A Tab is one window of the browser's profile.
type Tab struct {
	process *Process
	window  string
	hosts   map[string]bool // that have got requests of this tab and of its second tabs
	first   bool            // it has the profile for itself and its second tabs
}

// NewTab opens a tab with an empty profile. The browser has one profile, so NewTab waits
// until the tab before is closed. The caller must call Close.
func (p *Process) NewTab(ctx context.Context) (*Tab, error) {
	select {
	case <-p.profile:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t := &Tab{process: p, hosts: map[string]bool{}, first: true}
	if err := t.openWindow(ctx); err != nil {
		p.profile <- struct{}{}
		return nil, err
	}
	return t, nil
}

// Second opens a second tab with the same profile. The caller must call Close before it
// calls Close of t.
func (t *Tab) Second(ctx context.Context) (*Tab, error) {
	second := &Tab{process: t.process, hosts: t.hosts}
	return second, second.openWindow(ctx)
}

// openWindow opens a window. In a second tab of a window, which is not visible, the
// driver would wait for each click for ever.
func (t *Tab) openWindow(ctx context.Context) error {
	var opened struct{ Handle string }
	err := t.process.session.do(ctx, t.process.session.base, http.MethodPost, "/window/new", map[string]any{"type": "window"}, &opened)
	t.window = opened.Handle
	return err
}

func (t *Tab) post(ctx context.Context, path string, body, result any) error {
	return t.process.session.do(ctx, t.window, http.MethodPost, path, body, result)
}

// Open goes to a page and waits until it is loaded.
func (t *Tab) Open(ctx context.Context, page string) error {
	parsed, err := url.Parse(page)
	if err != nil {
		return err
	}
	t.hosts[parsed.Hostname()] = true
	return t.post(ctx, "/url", map[string]any{"url": page}, nil)
}

// evaluate is a script with the place of an expression, which it evaluates. It uses no
// eval, which the policy of a page may forbid.
const evaluate = `const done = arguments[0];
new Promise((resolve) => resolve((%s))).then(
	(value) => done(typeof value === "string" ? { value } : { failure: "the value is of type " + typeof value + ", want string" }),
	(error) => done({ failure: String(error) }));`

// Evaluate runs an expression in the page, awaits a promise, and returns its value,
// which must be a string.
func (t *Tab) Evaluate(ctx context.Context, expression string) (string, error) {
	var got struct{ Value, Failure string }
	script := fmt.Sprintf(evaluate, expression)
	err := t.post(ctx, "/execute/async", map[string]any{"script": script, "args": []string{}}, &got)
	if err == nil && got.Failure != "" {
		err = errors.New(got.Failure)
	}
	return got.Value, err
}

// ClickTwice clicks twice with the mouse at a point of the window.
func (t *Tab) ClickTwice(ctx context.Context, x, y int, gap time.Duration) error {
	return t.post(ctx, "/actions", map[string]any{
		"actions": []any{map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
			map[string]any{"type": "pointerMove", "x": x, "y": y},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
			map[string]any{"type": "pause", "duration": gap.Milliseconds()},
			map[string]any{"type": "pointerDown", "button": 0},
			map[string]any{"type": "pointerUp", "button": 0},
		}}},
	}, nil)
}

// Cookies returns the names of the cookies of the page's host.
func (t *Tab) Cookies(ctx context.Context) ([]string, error) {
	var cookies []struct{ Name string }
	err := t.process.session.do(ctx, t.window, http.MethodGet, "/cookie", nil, &cookies)
	var names []string
	for _, c := range cookies {
		names = append(names, c.Name)
	}
	return names, err
}

// Close closes the tab and, after its second tabs, deletes the cookies of the profile.
func (t *Tab) Close(ctx context.Context) error {
	var err error
	if t.first {
		err = t.deleteCookies(ctx)
		defer func() { t.process.profile <- struct{}{} }()
	}
	return errors.Join(err, t.process.session.do(ctx, t.window, http.MethodDelete, "/window", nil, nil))
}

// deleteCookies deletes the cookies of all hosts. WebDriver deletes those of the host of a
// page, and the driver itself serves one, an error page, under all names of this machine.
func (t *Tab) deleteCookies(ctx context.Context) error {
	for host := range t.hosts {
		page := "http://" + net.JoinHostPort(host, t.process.session.driver) + "/"
		if err := t.post(ctx, "/url", map[string]any{"url": page}, nil); err != nil {
			return err
		}
		if err := t.process.session.do(ctx, t.window, http.MethodDelete, "/cookie", nil, nil); err != nil {
			return err
		}
	}
	return nil
}
