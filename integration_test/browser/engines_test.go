package browser_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// page is a tab of any browser.
type page interface {
	open(url string)
	script(expression string) string
	run(expression string) string                 // "" if the page goes away
	clickTwice(x, y int, gap time.Duration) error // with the mouse
	cookieNames() []string                        // of the page's host, or of the profile
	second() page                                 // a second tab of the same profile
}

// engine is a browser.
type engine struct {
	name   string
	newTab func(t *testing.T) page // with an empty profile
}

var engines = []engine{
	{"Chromium", func(t *testing.T) page { return newTab(t) }},
	{"Firefox", func(t *testing.T) page { return newDriverTab(t, gecko.NewTab) }},
	{"WebKitGTK", func(t *testing.T) page { return newDriverTab(t, gtk.NewTab) }},
}

// eachEngine runs a test in all browsers at once.
func eachEngine(t *testing.T, test func(t *testing.T, e engine)) {
	t.Run("in", func(t *testing.T) { // ends when all have ended
		for _, e := range engines {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				test(t, e)
			})
		}
	})
}

// eachBrowser runs a test in all browsers at once, each with an empty profile.
func eachBrowser(t *testing.T, test func(t *testing.T, p page)) {
	eachEngine(t, func(t *testing.T, e engine) { test(t, e.newTab(t)) })
}

func (b *tab) cookieNames() []string {
	b.t.Helper()
	var names []string
	for name := range b.jar() {
		names = append(names, name)
	}
	return names
}

func (b *tab) run(expression string) string {
	text, _ := b.evaluate(expression)
	return text
}

func (b *tab) clickTwice(x, y int, gap time.Duration) error {
	ctx, cancel := b.limited()
	defer cancel()
	click := chromedp.MouseClickXY(float64(x), float64(y))
	return chromedp.Do(ctx, click, chromedp.Sleep(gap), click)
}

func (b *tab) second() page {
	b.t.Helper()
	return b.another()
}

// driver is a tab of a package that drives a browser.
type driver[T any] interface {
	Open(ctx context.Context, url string) error
	Evaluate(ctx context.Context, expression string) (string, error)
	ClickTwice(ctx context.Context, x, y int, gap time.Duration) error
	Cookies(ctx context.Context) ([]string, error)
	Second(ctx context.Context) (T, error)
	Close(ctx context.Context) error
}

// driverTab is a tab of Firefox or of WebKitGTK.
type driverTab[T driver[T]] struct {
	t   *testing.T
	tab T
}

// newDriverTab opens a tab, which the end of the test closes.
func newDriverTab[T driver[T]](t *testing.T, open func(context.Context) (T, error)) page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	tab, err := open(ctx)
	fatal(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
		defer cancel()
		if err := tab.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &driverTab[T]{t, tab}
}

// limited returns a context for one action in the tab.
func (d *driverTab[T]) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(d.t.Context(), waitTimeout)
}

func (d *driverTab[T]) open(url string) {
	d.t.Helper()
	ctx, cancel := d.limited()
	defer cancel()
	fatal(d.t, d.tab.Open(ctx, url))
}

func (d *driverTab[T]) script(expression string) string {
	d.t.Helper()
	ctx, cancel := d.limited()
	defer cancel()
	value, err := d.tab.Evaluate(ctx, expression)
	fatal(d.t, err)
	return value
}

func (d *driverTab[T]) run(expression string) string {
	ctx, cancel := d.limited()
	defer cancel()
	value, _ := d.tab.Evaluate(ctx, expression)
	return value
}

func (d *driverTab[T]) clickTwice(x, y int, gap time.Duration) error {
	ctx, cancel := d.limited()
	defer cancel()
	return d.tab.ClickTwice(ctx, x, y, gap)
}

func (d *driverTab[T]) cookieNames() []string {
	d.t.Helper()
	ctx, cancel := d.limited()
	defer cancel()
	names, err := d.tab.Cookies(ctx)
	fatal(d.t, err)
	return names
}

func (d *driverTab[T]) second() page {
	d.t.Helper()
	return newDriverTab(d.t, d.tab.Second)
}
