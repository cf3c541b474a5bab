package lab

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// maxInFlight bounds the requests of one browser that run at once: browsers open
// six connections to a host.
const maxInFlight = 6

// dwell is live with all that happens in long pages: users sign out and sign in
// as another user meanwhile, visit another project on the same host, and come
// back after minutes.
func (b *browser) dwell(n int) {
	var tabs sync.WaitGroup
	defer tabs.Wait()
	for sent := 0; sent < n; {
		time.Sleep(b.pause())
		if b.trouble.Swap(false) {
			b.afterRejection()
		}
		if !b.signedIn {
			sent += b.enter()
			continue
		}
		busy := b.inFlight.Load() > 0
		switch {
		case b.chance(60):
			b.noteIf(busy, "logout with requests in flight")
			sent += b.logOut(false)
		case b.chance(60):
			b.noteIf(busy, "sign-in as another user with requests in flight")
			sent += b.signInAs(b.otherEmail())
		case b.chance(300):
			b.revoke()
		case b.home != b.lab.worlds[0] && b.chance(3):
			sent += b.visitOther()
		case b.client && !b.refresh():
			sent += 1 + b.logOut(true)
		default:
			sent += b.open(&tabs)
		}
	}
}

func (b *browser) noteIf(condition bool, event string) {
	if condition {
		b.lab.oracle.event(event)
	}
}

// otherEmail returns the address of the user's sibling at the same browser.
func (b *browser) otherEmail() string {
	if name, guest := strings.CutPrefix(b.email, "guest-"); guest {
		return name
	}
	return "guest-" + b.email
}

// enter signs in a browser without a session. Some still have the cookies of an
// earlier release.
func (b *browser) enter() int {
	if len(b.lab.oracle.tokensOf(b.cookies())) == 0 && b.chance(3) {
		grant := b.home.fake.Grant(b.home.fake.NewUser(b.email))
		b.lab.oracle.signedIn(b, grant.User.ID, grant.RefreshToken.Secret.Reveal())
		b.storing.Lock()
		b.jar.SetCookies(b.url, formerCookies(grant, b.below(3)))
		b.storing.Unlock()
		b.id, b.signedIn = grant.User.ID, true
		b.lab.oracle.event("former attributes")
		return 0
	}
	return b.signInAs(b.email)
}

// formerCookies returns a session as an earlier release of the site has stored
// it: with another path, domain or name.
func formerCookies(grant session.Grant, way int) []*http.Cookie {
	cookies := crossminttest.Cookies(grant)
	for _, c := range cookies {
		switch way {
		case 0:
			c.Path = FormerPath
		case 1:
			c.Domain = FormerDomain
		default:
			c.Name = strings.Replace(c.Name, "crossmint", FormerPrefix, 1)
		}
	}
	return cookies
}

// maxSignIns bounds the tries of one sign-in.
const maxSignIns = 8

// signInAs signs the user with that address in, whatever session the browser has.
func (b *browser) signInAs(email string) (sent int) {
	b.email = email
	user := b.home.fake.NewUser(email)
	b.lab.oracle.knows(b.home.fake, user.ID)
	b.id = user.ID
	for range maxSignIns {
		byForms := b.chance(2)
		if byForms {
			b.signInByForms()
			sent += 2
		} else {
			body := fmt.Sprintf(`{"refresh":%q}`, b.home.fake.OneTimeSecret(user))
			b.send(request{method: http.MethodPost, path: "/refresh", body: body, contentType: "application/json", intent: signIn})
			sent++
		}
		if b.holds(user.ID) {
			b.noteIf(byForms, "sign-in by the forms")
			b.noteIf(!byForms, "sign-in by a one-time secret")
			b.signedIn = true
			return sent
		}
		time.Sleep(b.upTo(5 * time.Second))
	}
	b.signedIn = false
	return sent
}

// holds reports whether the jar has a session of the user that has not ended.
func (b *browser) holds(user string) bool {
	found := b.lab.oracle.tokensOf(b.cookies())
	b.lab.oracle.mu.Lock()
	defer b.lab.oracle.mu.Unlock()
	return slices.ContainsFunc(found, func(p presented) bool { return p.user == user && !p.hasEnded() })
}

func (b *browser) signInByForms() {
	const form = "application/x-www-form-urlencoded"
	b.send(request{method: http.MethodPost, path: "/signin/code", body: url.Values{"email": {b.email}}.Encode(), contentType: form})
	code := url.Values{"code": {b.home.fake.Code(b.email)}}
	b.send(request{method: http.MethodPost, path: "/signin/confirm", body: code.Encode(), contentType: form, intent: signIn})
}

// open opens one to three tabs. It does not wait for their pages.
func (b *browser) open(tabs *sync.WaitGroup) (sent int) {
	sent = 1
	if b.chance(4) {
		sent = 3
	}
	for range sent {
		if b.inFlight.Load() >= maxInFlight {
			tabs.Wait()
		}
		b.inFlight.Add(1)
		tabs.Go(func() {
			defer b.inFlight.Add(-1)
			time.Sleep(b.upTo(50 * time.Millisecond))
			b.page(b.plan())
		})
	}
	return sent
}

// plan chooses a page. Every second is a usual one.
func (b *browser) plan() plan {
	p := plan{kind: prompt, delay: b.upTo(3 * time.Second)}
	if b.chance(3) {
		p.delay = b.upTo(time.Minute)
	}
	if b.chance(2) {
		return p
	}
	if i := b.below(len(kinds) + len(layers)); i < len(kinds) {
		p.kind = kinds[i].name
	} else {
		p.kind = layers[i-len(kinds)]
	}
	return p
}

// isUpgrade reports whether the browser asks for a WebSocket.
func (p plan) isUpgrade() bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.name == p.kind && k.upgrade })
}

// visitOther visits the other project on the same host, which has the same cookie
// names.
func (b *browser) visitOther() int {
	b.lab.oracle.event("visit to another project")
	other := b.lab.worlds[0]
	switch b.below(3) {
	case 0:
		b.send(request{method: http.MethodPost, path: "/refresh", body: "{}", contentType: "application/json", to: other})
	case 1:
		b.send(request{method: http.MethodPost, path: "/logout", to: other})
	default:
		b.send(request{method: http.MethodGet, path: pathOf(prompt), page: true, plan: plan{kind: prompt}, to: other})
	}
	return 1
}
