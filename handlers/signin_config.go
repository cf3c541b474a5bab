package handlers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// SignInConfig configures a [SignIn]. EmailPage and CodePage are required.
type SignInConfig struct {
	// EmailPage and CodePage are the pages with the two forms: paths on this
	// host. They may be the same page.
	EmailPage, CodePage *url.URL
	// After is the redirect target after a sign-in without return_to: a path on
	// this host. nil: "/".
	After *url.URL
	// Key encrypts the cookie of the pending sign-in between the two forms: at
	// least 32 random bytes. Servers behind one load balancer need the same
	// key. Zero: a random key of this process.
	Key session.Secret
	// Protection is as in [Config].
	Protection *http.CrossOriginProtection
	// OnError is as in [Config]. It also receives the causes that the response
	// conceals, for example that upstream rejects an address.
	OnError func(r *http.Request, err error)
}

// withDefaults returns a checked copy of c. It panics if a page is missing or not
// a path on this host.
func (c SignInConfig) withDefaults() SignInConfig {
	if c.After == nil {
		c.After = &url.URL{Path: "/"}
	}
	c.EmailPage = localPage("EmailPage", c.EmailPage)
	c.CodePage = localPage("CodePage", c.CodePage)
	c.After = localPage("After", c.After)
	if c.Key.IsZero() {
		c.Key = session.NewSecret(rand.Text() + rand.Text()) // 260 random bits
	}
	if len(c.Key.Reveal()) < bounds.MinPendingKeyBytes {
		panic(fmt.Sprintf("handlers: NewSignIn: SignInConfig.Key must have %d random bytes or more", bounds.MinPendingKeyBytes))
	}
	return c
}

// localPage returns a checked copy of a configured page.
func localPage(name string, page *url.URL) *url.URL {
	if page == nil || !reply.LocalPath(page) {
		panic(fmt.Sprintf("handlers: NewSignIn: SignInConfig.%s must be a path on this host, not %q", name, page))
	}
	checked := *page
	return &checked
}
