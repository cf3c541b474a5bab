package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// maxPairBytes is the size of a name and its value that browsers accept
// (RFC 6265bis §5.6).
const maxPairBytes = 4096

// errInvalidToken reports a token that no cookie can hold: it is too long, or
// has a byte that browsers or net/http drop.
var errInvalidToken = fmt.Errorf("cookie: the token does not fit into a cookie: %w", session.ErrMalformed)

// Write stores a new session under the configured names and deletes the cookies
// of other names that r brought. It is the documented storeAuthMaterial. Call it
// after a sign-in, before the response is written. Sessions that a manager has
// renewed go through [Presented.Apply].
//
// Write stores nothing if a token is too long for a cookie, or has a byte that browsers
// or net/http drop. The error is then session.ErrMalformed.
func (c *Codec) Write(w http.ResponseWriter, r *http.Request, g *session.Grant) error {
	p := c.Read(r)
	return p.write(w, g, c.primary(), func(int) bool { return true })
}

// Clear deletes the configured cookies and those of other names that r brought:
// for the host, for the Domain where one is configured, and in the forms of
// Config.Former.
func (c *Codec) Clear(w http.ResponseWriter, r *http.Request) {
	p := c.Read(r)
	p.clear(w)
}

// Apply carries out the decision of a [session.Manager] on the cookies of the
// browser. Call it before the response is written.
//
// A renewed session is stored under the names from which its refresh token
// came, except those of Config.Former, or else as [Codec.Write] does. Cookies of
// Config.Former, and a second JWT beside one refresh token, are deleted with it: they
// would make requests longer than proxies accept. A first refusal sets the marker, a cookie
// with the name of the refresh token's and the suffix -refused. A final refusal
// deletes all cookies. If the session does not fit into cookies, Apply returns an
// error that is session.ErrUnavailable: upstream has sent a malformed response.
// Otherwise it returns err.
func (p *Presented) Apply(w http.ResponseWriter, result session.Result, err error) error {
	if err != nil {
		p.applyRefusal(w, err)
		return err
	}
	if result.Renewed == nil {
		return nil
	}
	if invalid := p.renew(w, result.Renewed); invalid != nil {
		return &session.UpstreamError{Kind: session.ErrMalformed, Op: "refresh", Err: invalid}
	}
	return nil
}

func (p *Presented) applyRefusal(w http.ResponseWriter, err error) {
	var rejected *session.AuthenticationError
	var upstream *session.UpstreamError
	switch {
	case errors.As(err, &rejected) && rejected.Clear:
		p.clear(w)
	case !p.Material.RefusedAt.IsZero():
	case rejected != nil && rejected.Refused, errors.As(err, &upstream) && upstream.AskAgain:
		p.setMarker(w)
	}
}

func (p *Presented) renew(w http.ResponseWriter, renewal *session.Renewal) error {
	used := p.nameSetOf(renewal.Used)
	switch {
	case used == nil:
		return p.write(w, renewal.Grant, p.codec.primary(), func(int) bool { return true })
	case used.former:
		return p.write(w, renewal.Grant, p.codec.primary(), p.isStale)
	}
	return p.write(w, renewal.Grant, used, func(name int) bool { // own names are never stale
		return p.isStale(name) || p.codec.isBeside(name, used.refresh)
	})
}

// nameSetOf returns the name set that a presented pair was read from, or nil.
func (p *Presented) nameSetOf(pair session.Pair) *nameSet {
	if pair.RefreshToken.IsZero() {
		return nil
	}
	for i := range p.codec.nameSets {
		set := &p.codec.nameSets[i]
		hasJWT := p.has(set.jwt, pair.JWT) || pair.JWT.IsZero() && p.values.countOf(set.jwt) == 0
		if hasJWT && p.has(set.refresh, pair.RefreshToken) {
			return set
		}
	}
	return nil
}

// has reports whether the request has a cookie of that name and value. The value came
// from the same request, so the time of the comparison tells nothing.
func (p *Presented) has(name int, value session.Secret) bool {
	for i := range p.values.count {
		if found := p.values.at(i); found.name == name && found.value.Reveal() == value.Reveal() {
			return true
		}
	}
	return false
}

// isStale reports whether no later request needs a cookie once a session is renewed:
// it is one of Config.Former or a JWT beside one, or a second JWT beside the same
// refresh token.
func (p *Presented) isStale(name int) bool {
	primary, sets := p.codec.primary(), p.codec.nameSets
	if name == primary.jwt || name == primary.refresh {
		return false
	}
	for i := range sets {
		set := &sets[i]
		formerToken := set.former && set.refresh != primary.refresh
		switch {
		case set.former && name == set.jwt, formerToken && (name == set.refresh || p.codec.isBeside(name, set.refresh)):
			return true
		case name == set.jwt && p.hasEarlierJWT(i):
			return true
		}
	}
	return false
}

// hasEarlierJWT reports whether the request has the JWT of another name set with the
// same refresh cookie, which is read before nameSets[i].
func (p *Presented) hasEarlierJWT(i int) bool {
	sets := p.codec.nameSets
	return slices.ContainsFunc(sets[:i], func(earlier nameSet) bool {
		return earlier.refresh == sets[i].refresh && earlier.jwt != sets[i].jwt && p.values.countOf(earlier.jwt) > 0
	})
}

// isBeside reports whether a name is that of a JWT cookie beside a refresh cookie.
func (c *Codec) isBeside(name, refresh int) bool {
	return slices.ContainsFunc(c.nameSets, func(set nameSet) bool { return name == set.jwt && set.refresh == refresh })
}

// write stores g under the names of target and deletes those other cookies of
// the request that isStale selects.
func (p *Presented) write(w http.ResponseWriter, g *session.Grant, target *nameSet, isStale func(name int) bool) error {
	c := p.codec
	expires := c.expiry(g)
	jwt, err := c.tokenLine(target.jwt, g.JWT, bounds.MaxJWTBytes, expires, false)
	if err != nil {
		return err
	}
	refresh, err := c.tokenLine(target.refresh, g.RefreshToken.Secret, bounds.MaxRefreshTokenBytes, expires, !c.scriptReadable(target))
	if err != nil {
		return err
	}
	for name := range c.names {
		own := name == target.jwt || name == target.refresh
		switch {
		case p.values.countOf(name) == 0:
		case !own && isStale(name):
			c.deleteCookie(w, name)
		case own:
			c.deleteFormer(w, name)
		}
	}
	p.deleteMarker(w)
	// The new cookies come last, so that a browser that takes a deletion for
	// the same cookie keeps them.
	w.Header().Add("Set-Cookie", jwt)
	w.Header().Add("Set-Cookie", refresh)
	noStore(w)
	return nil
}

// scriptReadable reports whether scripts may read the refresh cookie of a name
// set. The browser client keeps its own pair under the scoped names and has to
// read it back. A token that came from another cookie is never written there.
func (c *Codec) scriptReadable(set *nameSet) bool {
	if set == c.primary() || !set.scoped {
		return c.config.ReadableRefreshCookie
	}
	return true
}

// clear deletes the configured cookies and all others that the request brought.
func (p *Presented) clear(w http.ResponseWriter) {
	primary := p.codec.primary()
	for name := range p.codec.names {
		if p.values.countOf(name) > 0 || name == primary.jwt || name == primary.refresh {
			p.codec.deleteCookie(w, name)
		}
	}
	p.deleteMarker(w)
	noStore(w)
}

// deleteCookie deletes a cookie in every form in which this program may have set
// it: browsers take cookies with another Domain, Path or Partitioned for others.
func (c *Codec) deleteCookie(w http.ResponseWriter, name int) {
	addDeletion(w, c.emptyCookie(name))
	c.deleteFormer(w, name)
}

// deleteFormer deletes a cookie in its former forms. A host-only cookie may be
// left from the time before Domain was configured.
func (c *Codec) deleteFormer(w http.ResponseWriter, name int) {
	if c.config.Domain != "" {
		cookie := c.emptyCookie(name)
		cookie.Domain = ""
		addDeletion(w, cookie)
	}
	for _, former := range c.config.Former {
		if former.Names.JWT != c.names[name].name && former.Names.RefreshToken != c.names[name].name {
			continue
		}
		cookie := c.emptyCookie(name)
		cookie.Domain, cookie.Path, cookie.Partitioned = former.Domain, former.Path, former.Partitioned
		cookie.Secure = cookie.Secure || former.Partitioned
		addDeletion(w, cookie)
	}
}

// addDeletion adds the line that deletes a cookie, once: former forms may be equal.
func addDeletion(w http.ResponseWriter, cookie *http.Cookie) {
	cookie.Expires, cookie.MaxAge = time.Unix(0, 0), -1
	if !slices.Contains(w.Header()["Set-Cookie"], cookie.String()) {
		http.SetCookie(w, cookie)
	}
}

// emptyCookie returns a cookie with the configured attributes.
func (c *Codec) emptyCookie(name int) *http.Cookie {
	return &http.Cookie{
		Name: c.names[name].name, Path: c.config.Path, Domain: c.config.Domain,
		Secure: !c.config.InsecureAllowHTTP, SameSite: c.config.SameSite, Partitioned: c.config.Partitioned,
	}
}

// tokenLine returns the value of Set-Cookie that stores a token. It refuses a token
// that browsers would drop, net/http would change, or Read would not return.
func (c *Codec) tokenLine(name int, token session.Secret, maxBytes int, expires time.Time, httpOnly bool) (string, error) {
	cookie, value := c.emptyCookie(name), token.Reveal()
	maxBytes = min(maxBytes, maxPairBytes-len(cookie.Name))
	if value == "" || !validValue(value) || strings.Contains(value, ";") || len(value) > maxBytes {
		return "", fmt.Errorf("%w (%s, %d bytes)", errInvalidToken, cookie.Name, len(value))
	}
	if !expires.IsZero() {
		cookie.Expires = expires
		cookie.MaxAge = int(time.Until(expires).Seconds())
	}
	cookie.HttpOnly = httpOnly
	if strings.Contains(value, " ") || strings.Contains(value, ",") {
		value = `"` + value + `"` // as net/http does
	}
	// net/http would check each byte of the value once more.
	prefix := cookie.Name + "="
	return prefix + value + strings.TrimPrefix(cookie.String(), prefix), nil
}

// expiry returns the end of both cookies: that of the refresh token, because an
// expired JWT has to come back; its signature tells a user from a stranger. Zero
// means a session cookie: an expiry in the past or unreadable gives one.
func (c *Codec) expiry(g *session.Grant) time.Time {
	now := time.Now()
	end, err := time.Parse(time.RFC3339, g.RefreshToken.ExpiresAt)
	if err != nil {
		end = time.Time{}
	}
	if c.config.Lifetime > 0 {
		end = now.Add(c.config.Lifetime)
	}
	switch {
	case c.config.SessionCookies, end.Before(now.Add(time.Second)):
		return time.Time{}
	case end.After(now.Add(maxLifetime)):
		return now.Add(maxLifetime)
	}
	return end
}

// noStore keeps caches from giving the cookies of one user to another
// (RFC 9111 §5.2.2.5).
func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
