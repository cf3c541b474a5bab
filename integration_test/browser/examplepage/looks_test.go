package examplepage_test

import (
	"bytes"
	"image/color"
	"image/png"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
	"github.com/google/go-cmp/cmp"
)

var schemes = []string{"light", "dark"}

// tooWide lists what reaches beyond the right edge of the screen.
const tooWide = `[...document.querySelectorAll("body *:not(#line *, .hidden)")]
	.filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 || document.documentElement.scrollWidth > innerWidth)
	.map((e) => e.tagName + "#" + e.id)`

func TestNarrowScreens(t *testing.T) {
	v := visit(t)
	for _, width := range []int64{320, 360, 768, 1120} {
		v.do(examplepage.Resize(width, 740))
		v.await(signedOut)
		v.narrow("signed out")
	}
	v.signIn()
	v.turn("down")
	for _, width := range []int64{320, 360, 768, 1120} {
		v.do(examplepage.Resize(width, 740))
		v.narrow("signed in")
	}
}

func (v *visitor) narrow(view string) {
	v.Helper()
	if diff := cmp.Diff([]string{}, read[[]string](v, tooWide)); diff != "" {
		v.Errorf("%s, at %d px, these are too wide (-want +got):\n%s", view, read[int](v, `innerWidth`), diff)
	}
}

func TestLightAndDark(t *testing.T) {
	v := visit(t)
	v.await(signedOut)
	for scheme, bright := range map[string]bool{"light": true, "dark": false} {
		v.do(examplepage.Prefer("prefers-color-scheme", scheme))
		encoded, err := v.tab.Picture()
		v.must(err)
		picture, err := png.Decode(bytes.NewReader(encoded))
		v.must(err)
		for name, y := range map[string]int{"ground": 2, "card": 300} {
			gray := color.GrayModel.Convert(picture.At(picture.Bounds().Dx()/4, y)).(color.Gray)
			if gray.Y > 127 != bright {
				t.Errorf("%s: the %s has the brightness %d of 255", scheme, name, gray.Y)
			}
		}
	}
}

// faint lists the texts with a contrast below 4.5 to what is behind them
// (WCAG 2.2, 1.4.3).
const faint = `(() => {
	const numbers = (color) => color.match(/[\d.]+/g).map(Number);
	const light = (color) => {
		const [r, g, b] = numbers(color).map((n) => n / 255).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (e) => {
		const color = getComputedStyle(e).backgroundColor;
		return numbers(color)[3] === 0 && e.parentElement ? behind(e.parentElement) : color;
	};
	const contrast = (e) => {
		const style = getComputedStyle(e);
		const text = light(e instanceof SVGElement ? style.fill : style.color), ground = light(behind(e));
		return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
	};
	return [...document.querySelectorAll("body *")]
		.filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
		.filter((e) => contrast(e) < 4.5)
		.map((e) => e.tagName + " " + e.textContent.slice(0, 40) + " " + contrast(e).toFixed(1));
})()`

func TestContrast(t *testing.T) {
	v := visit(t)
	v.await(signedOut)
	for _, scheme := range schemes {
		v.do(examplepage.Prefer("prefers-color-scheme", scheme))
		v.legible("signed out, " + scheme)
	}
	v.signIn()
	v.turn("down")
	v.click("#expired")
	v.await(tryingLater)
	for _, scheme := range schemes {
		v.do(examplepage.Prefer("prefers-color-scheme", scheme))
		v.legible("signed in, try later, " + scheme)
	}
}

func (v *visitor) legible(view string) {
	v.Helper()
	if diff := cmp.Diff([]string{}, read[[]string](v, faint)); diff != "" {
		v.Errorf("%s: these are faint (-want +got):\n%s", view, diff)
	}
}
