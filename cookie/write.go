package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// maxPairBytes is what browsers take for a name and its value together
// (RFC 6265bis §5.6).
const maxPairBytes = 4096

// ErrUnfit reports a token that no cookie can hold: with a byte that browsers
// or net/http drop, or too long.
var ErrUnfit = errors.New("cookie: the token does not fit into a cookie")

// Write stores a new session under the configured names, the documented
// storeAuthMaterial, and expires those of other generations that r brought.
// Use it after a login; what a manager has renewed goes through [Codec.Apply].
//
// It must be called before the answer is written. On an error, which is
// [ErrUnfit], nothing is stored.
func (c *Codec) Write(w http.ResponseWriter, r *http.Request, g *session.Grant) error {
	var found found
	c.scan(r.Header["Cookie"], &found)
	return c.write(w, g, configured, &found, func(int) bool { return true })
}

// Apply carries out on the browser's cookies what a [session.Manager] has
// decided, and returns the decision; call it before the answer is written.
//
// A renewed session is stored under the names from which its refresh token
// came, else as Write does, and cookies whose tokens turned out to be dead
// are expired. A rejection that says so clears all. A session that no cookie
// can hold is a malformed answer of upstream's: the result is then without a
// session, and the error is session.ErrUnavailable.
func (c *Codec) Apply(w http.ResponseWriter, r *http.Request, result session.Result, err error) (session.Result, error) {
	switch {
	case err != nil:
		if clears(err) {
			c.Clear(w, r)
		}
	case result.Renewed != nil:
		if unfit := c.renew(w, r, result.Renewed); unfit != nil {
			err = &session.UpstreamError{Kind: session.Malformed, Op: "refresh", Err: unfit}
			return result.Failed(r.Context(), err), err
		}
	}
	return result, err
}

func clears(err error) bool {
	var rejected *session.AuthenticationError
	return errors.As(err, &rejected) && rejected.Clear
}

func (c *Codec) renew(w http.ResponseWriter, r *http.Request, renewal *session.Renewal) error {
	if renewal.Source < 0 || renewal.Source >= len(c.generations) {
		return c.Write(w, r, renewal.Grant)
	}
	var found found
	c.scan(r.Header["Cookie"], &found)
	return c.write(w, renewal.Grant, renewal.Source, &found, func(name int) bool { return c.superseded(name, renewal) })
}

// superseded reports whether a renewed session leaves no use for a name other
// than its own: its token is dead, or it is a second JWT beside the same
// refresh token.
func (c *Codec) superseded(name int, renewal *session.Renewal) bool {
	for source := range c.generations {
		g := &c.generations[source]
		if name != g.jwt && name != g.refresh {
			continue
		}
		if slices.Contains(renewal.Dead, source) || name == g.jwt && g.refresh == c.generations[renewal.Source].refresh {
			return true
		}
	}
	return false
}

// write stores g under the generation source and expires those other names
// found in the request that over tells of.
func (c *Codec) write(w http.ResponseWriter, g *session.Grant, source int, found *found, over func(name int) bool) error {
	target := c.generations[source]
	expires := c.expires(g)
	jwt, err := c.cookie(target.jwt, g.JWT, session.MaxJWTBytes, expires)
	if err != nil {
		return err
	}
	refresh, err := c.cookie(target.refresh, g.RefreshToken.Secret, session.MaxRefreshTokenBytes, expires)
	if err != nil {
		return err
	}
	refresh.HttpOnly = !c.readable(source)
	for name := range c.names {
		own := name == target.jwt || name == target.refresh
		switch {
		case found[name].count == 0:
		case !own && over(name):
			c.expire(w, name)
		case own && c.config.Domain != "":
			// It may be the host's own, from before Domain was set.
			http.SetCookie(w, c.expired(name, ""))
		}
	}
	// Last, so that a browser that takes one for the other keeps these.
	http.SetCookie(w, jwt)
	http.SetCookie(w, refresh)
	noStore(w)
	return nil
}

// readable reports whether scripts may read the refresh cookie of a
// generation. The browser client keeps its own pair under the scoped names
// and must be able to read it back; a cookie that came from anywhere else
// never gets there.
func (c *Codec) readable(source int) bool {
	if source == configured || !c.generations[source].scoped {
		return c.config.ReadableRefreshCookie
	}
	return true
}

// Clear expires the configured cookies and all of other generations that r
// brought: for the host and, where configured, for the Domain.
func (c *Codec) Clear(w http.ResponseWriter, r *http.Request) {
	var found found
	c.scan(r.Header["Cookie"], &found)
	own := c.generations[configured]
	for name := range c.names {
		if found[name].count > 0 || name == own.jwt || name == own.refresh {
			c.expire(w, name)
		}
	}
	noStore(w)
}

// expire expires a cookie in every form in which this codec may have set it.
func (c *Codec) expire(w http.ResponseWriter, name int) {
	http.SetCookie(w, c.expired(name, ""))
	if c.config.Domain != "" {
		http.SetCookie(w, c.expired(name, c.config.Domain))
	}
}

func (c *Codec) expired(name int, domain string) *http.Cookie {
	cookie := c.attributes(name)
	cookie.Domain = domain
	cookie.Expires, cookie.MaxAge = time.Unix(0, 0), -1
	return cookie
}

// attributes returns an empty cookie with the configured attributes.
func (c *Codec) attributes(name int) *http.Cookie {
	return &http.Cookie{
		Name: c.names[name], Path: c.config.Path, Domain: c.config.Domain,
		Secure: !c.config.InsecureAllowHTTP, SameSite: c.config.SameSite, Partitioned: c.config.Partitioned,
	}
}

// cookie returns the cookie that holds a token. What browsers would drop,
// net/http cut or Read, above most bytes, not give back is an error.
func (c *Codec) cookie(name int, token session.Secret, most int, expires time.Time) (*http.Cookie, error) {
	cookie := c.attributes(name)
	cookie.Value = token.Reveal()
	most = min(most, maxPairBytes-len(cookie.Name))
	if cookie.Value == "" || !plain(cookie.Value) || strings.Contains(cookie.Value, ";") || len(cookie.Value) > most {
		return nil, fmt.Errorf("%w (%s, %d bytes)", ErrUnfit, cookie.Name, len(cookie.Value))
	}
	if !expires.IsZero() {
		cookie.Expires = expires
		cookie.MaxAge = int(time.Until(expires).Seconds())
	}
	return cookie, nil
}

// expires returns when both cookies end: with the refresh token, since an
// expired JWT must come back to tell a user from noise. Zero: with the
// browser's session, for times that make no sense.
func (c *Codec) expires(g *session.Grant) time.Time {
	now := time.Now()
	end := g.RefreshToken.ExpiresAt()
	if c.config.Lifetime > 0 {
		end = now.Add(c.config.Lifetime)
	}
	switch {
	case end.Before(now.Add(time.Second)):
		return time.Time{}
	case end.After(now.Add(maxLifetime)):
		return now.Add(maxLifetime)
	}
	return end
}

// noStore keeps caches from handing one user's cookies to another
// (RFC 9111 §5.2.2.5).
func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }
