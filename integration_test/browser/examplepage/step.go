package examplepage

import (
	"fmt"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A Step is one thing to do in a tab.
type Step func(*Tab) error

func action(a chromedp.Action[chromedp.Void]) Step {
	return func(b *Tab) error {
		ctx, cancel := b.limited()
		defer cancel()
		return chromedp.Do(ctx, a)
	}
}

// Visit opens an address and waits until it is loaded.
func Visit(url string) Step { return action(chromedp.Navigate(url)) }

// Click clicks on an element.
func Click(element string) Step { return action(chromedp.Click(chromedp.CSS(element))) }

// Press presses keys, wherever the focus is.
func Press(keys string) Step { return action(chromedp.KeyEvent(keys)) }

// Resize gives the tab the size of a screen.
func Resize(width, height int64) Step { return action(chromedp.EmulateViewport(width, height)) }

// Prefer makes a media feature, such as prefers-color-scheme, what a visitor
// may have set. It replaces the one before.
func Prefer(feature, value string) Step {
	return func(b *Tab) error {
		ctx, cancel := b.limited()
		defer cancel()
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	}
}

// Await waits until a script's expression is true.
func Await(expression string) Step {
	return func(b *Tab) error {
		for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if ok, err := Read[bool](b, "!!("+expression+")"); err == nil && ok {
				return nil
			}
		}
		return fmt.Errorf("this does not come true: %s", expression)
	}
}

// SignIn opens the page of the program and signs in as the address that is in
// the form.
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
