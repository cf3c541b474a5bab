package examplepage

import (
	"fmt"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A Step is one action in a tab.
type Step func(*Tab) error

func action(a chromedp.Action[chromedp.Void]) Step {
	return func(b *Tab) error {
		ctx, cancel := b.withTimeout()
		defer cancel()
		return chromedp.Do(ctx, a)
	}
}

// Visit opens a URL and waits until the page is loaded.
func Visit(url string) Step { return action(chromedp.Navigate(url)) }

// Click clicks on an element.
func Click(element string) Step { return action(chromedp.Click(chromedp.CSS(element))) }

// Press sends keys to the focused element.
func Press(keys string) Step { return action(chromedp.KeyEvent(keys)) }

// Resize sets the size of the screen in CSS pixels.
func Resize(width, height int64) Step { return action(chromedp.EmulateViewport(width, height)) }

// Prefer sets a media feature, for example prefers-color-scheme. It resets the
// feature of an earlier call.
func Prefer(feature, value string) Step {
	return func(b *Tab) error {
		ctx, cancel := b.withTimeout()
		defer cancel()
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	}
}

// Await waits until a JavaScript expression is true.
func Await(expression string) Step {
	return func(b *Tab) error {
		for deadline := time.Now().Add(stepTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if ok, err := Read[bool](b, "!!("+expression+")"); err == nil && ok {
				return nil
			}
		}
		return fmt.Errorf("this expression stays false: %s", expression)
	}
}

// SignIn opens the page and signs in with the email address in the form.
func SignIn(p *Program) Step {
	return func(b *Tab) error {
		return b.Do(
			Visit(p.URL),
			Await(`!document.querySelector("#signed-out").hidden`),
			Click("#email-form button"),
			Await(`/^[0-9]{6}$/.test(document.querySelector("#inbox-code").textContent)`),
			Click("#use-code"),
			Click("#code-form [type=submit]"),
			Await(`!document.querySelector("#session").hidden`),
		)
	}
}
