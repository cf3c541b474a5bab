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

// tooWide lists the elements that exceed the right edge of the screen.
const tooWide = `[...document.querySelectorAll("body *:not(#line *, .hidden)")]
	.filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 || document.documentElement.scrollWidth > innerWidth)
	.map((e) => e.tagName + "#" + e.id)`

func TestNarrowScreens(t *testing.T) {
	v := visit(t)
	for _, width := range []int64{320, 360, 768, 1120} {
		v.do(examplepage.Resize(width, 740))
		v.await(signedOut)
		v.expectNoOverflow("signed out")
	}
	v.signIn()
	v.setMode("down")
	for _, width := range []int64{320, 360, 768, 1120} {
		v.do(examplepage.Resize(width, 740))
		v.expectNoOverflow("signed in")
	}
}

func (v *visitor) expectNoOverflow(view string) {
	v.Helper()
	if diff := cmp.Diff([]string{}, read[[]string](v, tooWide)); diff != "" {
		v.Errorf("%s, %d px: elements that are too wide (-want +got):\n%s", view, read[int](v, `innerWidth`), diff)
	}
}

// invisible lists the controls and the parts of the time line that the screen
// does not show completely.
const invisible = `["#upstream", "#expired", "#burst", "#line", "#story"].filter((selector) => {
	const { top, bottom, left, right } = document.querySelector(selector).getBoundingClientRect();
	return top < 0 || bottom > innerHeight || left < 0 || right > innerWidth;
})`

// TestControlsBesideTimeLine uses the switch on screens of common sizes, and
// checks that one sees the effect without scrolling.
func TestControlsBesideTimeLine(t *testing.T) {
	v := visit(t)
	v.signIn()
	v.withoutTimer()
	for _, size := range []struct{ width, height int64 }{{390, 664}, {390, 844}, {768, 1024}, {1120, 740}} {
		v.do(examplepage.Resize(size.width, size.height))
		read[bool](v, `(document.querySelector(".live").scrollIntoView({ block: "center" }), true)`)
		position := read[float64](v, `scrollY`)
		v.setMode("down")
		v.await(`document.querySelector("#line .band.down")`, `document.querySelector("#story").textContent.endsWith("Crossmint is down.")`)
		if diff := cmp.Diff([]string{}, read[[]string](v, invisible)); diff != "" {
			t.Errorf("%d × %d px: not on the screen (-want +got):\n%s", size.width, size.height, diff)
		}
		if got := read[float64](v, `scrollY`); got != position {
			t.Errorf("%d × %d px: the page scrolled from %v to %v", size.width, size.height, position, got)
		}
		v.setMode("up")
		v.await(`document.querySelector("#story").textContent.endsWith("Crossmint is working.")`)
	}
	const beside = `document.querySelector("#line").getBoundingClientRect().right <= document.querySelector("#upstream").getBoundingClientRect().left`
	if !read[bool](v, beside) {
		t.Error("on a wide screen the controls are not beside the time line")
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
		for name, y := range map[string]int{"background": 2, "card": 300} {
			gray := color.GrayModel.Convert(picture.At(picture.Bounds().Dx()/4, y)).(color.Gray)
			if gray.Y > 127 != bright {
				t.Errorf("%s: the brightness of the %s is %d of 255", scheme, name, gray.Y)
			}
		}
	}
}

// lowContrast lists the texts with a contrast below 4.5 to their background
// (WCAG 2.2, 1.4.3).
const lowContrast = `(() => {
	const numbers = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = (color) => {
		const [r, g, b] = numbers(color).map((n) => n / 255).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const background = (e) => {
		const color = getComputedStyle(e).backgroundColor;
		return numbers(color)[3] === 0 && e.parentElement ? background(e.parentElement) : color;
	};
	const contrast = (e) => {
		const style = getComputedStyle(e);
		const text = luminance(e instanceof SVGElement ? style.fill : style.color), behind = luminance(background(e));
		return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
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
		v.expectContrast("signed out, " + scheme)
	}
	v.signIn()
	v.setMode("down")
	v.click("#expired")
	v.await(unavailable)
	for _, scheme := range schemes {
		v.do(examplepage.Prefer("prefers-color-scheme", scheme))
		v.expectContrast("signed in, Crossmint down, " + scheme)
	}
}

func (v *visitor) expectContrast(view string) {
	v.Helper()
	if diff := cmp.Diff([]string{}, read[[]string](v, lowContrast)); diff != "" {
		v.Errorf("%s: texts with a low contrast (-want +got):\n%s", view, diff)
	}
}
