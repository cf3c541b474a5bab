package examplepage

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
)

// stepTimeout limits each step. It exceeds two lifetimes of a token.
const stepTimeout = 60 * time.Second

// A Tab is a tab of Chromium.
type Tab struct{ ctx context.Context }

// Open opens a tab with a new profile. The returned function closes the tab.
func Open(browser *chromium.Process) (*Tab, context.CancelFunc, error) {
	return open(browser.Context(), chromedp.WithNewBrowserContext())
}

// Another opens a second tab of the same profile.
func (b *Tab) Another() (*Tab, context.CancelFunc, error) { return open(b.ctx) }

func open(parent context.Context, options ...chromedp.ContextOption) (*Tab, context.CancelFunc, error) {
	ctx, cancel := chromedp.NewContext(parent, options...)
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		return nil, nil, err
	}
	return &Tab{ctx}, cancel, nil
}

// Do runs the steps in order and returns the first error.
func (b *Tab) Do(steps ...Step) error {
	for _, step := range steps {
		if err := step(b); err != nil {
			return err
		}
	}
	return nil
}

// withTimeout returns a context for one step.
func (b *Tab) withTimeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, stepTimeout)
}

// Picture returns a PNG of the whole page.
func (b *Tab) Picture() ([]byte, error) {
	ctx, cancel := b.withTimeout()
	defer cancel()
	return chromedp.Run(ctx, chromedp.FullScreenshot(100))
}

// Read returns the value of a JavaScript expression.
func Read[T any](b *Tab, expression string) (T, error) {
	ctx, cancel := b.withTimeout()
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}
