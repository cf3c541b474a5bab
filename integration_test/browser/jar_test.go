package browser_test

import (
	"strings"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// The cookie names.
const (
	documentedJWT   = "crossmint-session"
	unscopedJWT     = "crossmint-jwt"
	unscopedRefresh = "crossmint-refresh-token"
	marker          = unscopedRefresh + "-refused" // set at upstream's first refusal
	scopedJWT       = unscopedJWT + "-" + projectID
	scopedRefresh   = unscopedRefresh + "-" + projectID
)

// documented is the cookies that the kit writes for new sessions.
var documented = map[string]kept{documentedJWT: readable, unscopedRefresh: hidden}

// pair is the cookie names of requests with a documented session.
var pair = []string{unscopedRefresh, documentedJWT}

// nothing is the cookies of an empty profile.
var nothing = map[string]kept{}

// kept is the attributes of a stored cookie that are equal in all runs.
type kept struct {
	HTTPOnly, Secure, Session bool
	SameSite                  network.CookieSameSite
}

// The attributes of the two cookies.
var (
	readable = kept{false, true, false, network.CookieSameSiteLax}
	hidden   = kept{true, true, false, network.CookieSameSiteLax}
)

// jar returns all cookies of the profile by name. The key of a domain cookie is
// name@domain.
func (b *tab) jar() map[string]*network.Cookie {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	profile := chromedp.FromContext(ctx).BrowserContextID
	stored, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: profile})
	b.must(err)
	cookies := map[string]*network.Cookie{}
	for _, c := range stored.Cookies {
		name := c.Name
		if strings.HasPrefix(c.Domain, ".") {
			name += "@" + c.Domain
		}
		cookies[name] = c
	}
	return cookies
}

// shapes returns the attributes of the cookies of the profile.
func (b *tab) shapes() map[string]kept {
	b.t.Helper()
	shapes := map[string]kept{}
	for name, c := range b.jar() {
		shapes[name] = kept{c.HTTPOnly, c.Secure, c.Session, c.SameSite}
	}
	return shapes
}

func (b *tab) expectCookies(want map[string]kept) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.shapes()); diff != "" {
		b.t.Errorf("cookies (-want +got):\n%s", diff)
	}
}
