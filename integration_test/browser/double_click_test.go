package browser_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
)

// clickTwice clicks twice on an element by a script.
func clickTwice(p page, element string, gap time.Duration) {
	p.run(fmt.Sprintf(`document.querySelector(%[1]q).click(),
		setTimeout(() => document.querySelector(%[1]q).click(), %[2]d), ""`, element, gap.Milliseconds()))
}

// clickTwiceWithMouse clicks twice at the place of an element. The browser rejects the
// second click while it replaces the page.
func clickTwiceWithMouse(t *testing.T, p page, element string, gap time.Duration) {
	t.Helper()
	var center struct{ X, Y int }
	testkit.NoError(t, json.Unmarshal([]byte(p.run(fmt.Sprintf(`(() => {
		const { x, y, width, height } = document.querySelector(%q).getBoundingClientRect();
		return JSON.stringify({ x: Math.round(x + width / 2), y: Math.round(y + height / 2) });
	})()`, element))), &center))
	if err := p.clickTwice(center.X, center.Y, gap); err != nil {
		t.Logf("second click: %v", err)
	}
}

// awaitSignIn waits for the responses to both clicks and for the page of the user.
func (s *formSite) awaitSignIn(t *testing.T, p page, user string) {
	t.Helper()
	time.Sleep(2*s.delay + 300*time.Millisecond) // for the second response
	await(t, "the page after the sign-in", "/ "+user+"Sign out", func() string { return shown(p) })
}

// TestDoubleClick clicks twice on the button of the form with the code. The browser
// cancels the request of the first click.
func TestDoubleClick(t *testing.T) {
	const ms = time.Millisecond
	eachBrowser(t, func(t *testing.T, p page) {
		for _, delay := range []time.Duration{0, 50 * ms, 500 * ms} {
			site := newFormSite(t, formOptions{delay: delay})
			for _, gap := range []time.Duration{0, 20 * ms, 100 * ms, 300 * ms, 600 * ms} {
				user := site.enterCode(t, p)
				before := site.confirmations.Load()
				clickTwice(p, "#confirm", gap)
				time.Sleep(gap)
				site.awaitSignIn(t, p, user)
				t.Logf("after %v, upstream %v: %d requests with the code", gap, delay, site.confirmations.Load()-before)
			}
		}
	})
}

// TestDoubleClickWithMouse is the same with the mouse and a slower upstream.
func TestDoubleClickWithMouse(t *testing.T) {
	eachBrowser(t, func(t *testing.T, p page) {
		for _, delay := range []time.Duration{0, time.Second} {
			site := newFormSite(t, formOptions{delay: delay})
			for _, gap := range []time.Duration{0, 300 * time.Millisecond, 600 * time.Millisecond} {
				user := site.enterCode(t, p)
				before := site.confirmations.Load()
				clickTwiceWithMouse(t, p, "#confirm", gap)
				site.awaitSignIn(t, p, user)
				t.Logf("after %v, upstream %v: %d requests with the code", gap, delay, site.confirmations.Load()-before)
			}
		}
	})
}
