package examplepage

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
)

// deadline is for whatever is waited for: twice a JWT's life, and some more.
const deadline = 60 * time.Second

// A Tab is a tab of Chromium.
type Tab struct{ ctx context.Context }

// Open opens a tab with a fresh profile. The function that it returns closes
// it.
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

// Do does one thing after the other, up to the first that fails.
func (b *Tab) Do(steps ...Step) error {
	for _, step := range steps {
		if err := step(b); err != nil {
			return err
		}
	}
	return nil
}

// limited returns a context for one thing to do.
func (b *Tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, deadline)
}

// Picture returns what the whole page looks like, as PNG.
func (b *Tab) Picture() ([]byte, error) {
	ctx, cancel := b.limited()
	defer cancel()
	return chromedp.Run(ctx, chromedp.FullScreenshot(100))
}

// Read returns the value of a script's expression.
func Read[T any](b *Tab, expression string) (T, error) {
	ctx, cancel := b.limited()
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}
