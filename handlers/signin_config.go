package handlers

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"

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
	// OAuthProviders are the providers with which users can sign in, for example
	// "google" or "twitter". The codes of NewSignIn must have the method StartOAuth of
	// crossmint.Client then. Empty: [SignIn.StartOAuth] and [SignIn.FinishOAuth]
	// respond with 404.
	OAuthProviders []string
	// WalletTypes are the chains with whose wallets users can sign in: "ethereum",
	// "solana". The codes of NewSignIn must have the methods StartWallet and
	// FinishWallet of crossmint.Client then. Empty: [SignIn.StartWallet] and
	// [SignIn.FinishWallet] respond with 404.
	WalletTypes []string
	// Key encrypts the cookie of the pending sign-in between the two forms: at
	// least 32 random bytes. Servers behind one load balancer need the same
	// key. Zero: a random key of this process.
	Key session.Secret
	// OnSignIn is called after each sign-in with its user, before the cookies are
	// stored: for example, to create the row of an account, or to renew a CSRF token.
	// It may set headers of w, but not write the response; the context of r has the
	// new session (session.FromContext). If it returns an error or panics, the session
	// is not stored, because the application does not know its user: the session is
	// logged out as by session.Manager.Logout (3 s at most), the browser keeps its
	// earlier session, and after an error the first page shows error=rejected. A form
	// that is submitted twice calls it twice, maybe at the same time, so it must be
	// idempotent. If another response to the form has stored the session, or if the
	// client has disconnected, the session is not logged out. nil: nothing is called.
	OnSignIn func(w http.ResponseWriter, r *http.Request, user session.User) error

	// MaxSendsPerAddress is how many codes one address gets in ten minutes. 0 means 5.
	MaxSendsPerAddress int
	// MaxSends is how many codes all addresses together get in ten seconds, and also
	// how many sign-ins with a provider or wallet may start in that time. 0 means 100.
	MaxSends int
	// MaxGuessesPerEmail is how many wrong codes are accepted for one e-mail. 0 means 5.
	MaxGuessesPerEmail int
	// MaxGuessesPerAddress is how many wrong codes are accepted for one address in 24
	// hours. After that the address gets no code until they are over, so with a low
	// number others can lock an address. 0 means 100.
	MaxGuessesPerAddress int
	// ClientKey names the client of a request for MaxFormsPerClient: for example its
	// IP address (of IPv6 the first 64 bits), which behind a proxy only a header has
	// that the proxy itself sets. Clients can forge all other headers. An empty name
	// is not limited. nil: clients are not limited.
	ClientKey func(r *http.Request) string
	// MaxFormsPerClient is how many forms of all kinds together one client may submit
	// in ten minutes. 0 means 50.
	MaxFormsPerClient int

	// Protection is as in [Config].
	Protection *http.CrossOriginProtection
	// OnError is as in [Config]. It also receives the causes that the response
	// conceals, for example that upstream rejects an address. All of them are events
	// of the session manager, too.
	OnError func(r *http.Request, err error)
}

// withDefaults returns a checked copy of c. It panics if a page is missing or not
// a path on this host, or if a number is negative.
func (c SignInConfig) withDefaults() SignInConfig {
	if c.After == nil {
		c.After = &url.URL{Path: "/"}
	}
	c.EmailPage = localPage("EmailPage", c.EmailPage)
	c.CodePage = localPage("CodePage", c.CodePage)
	c.After = localPage("After", c.After)
	c.OAuthProviders, c.WalletTypes = slices.Clone(c.OAuthProviders), slices.Clone(c.WalletTypes)
	if min(c.MaxSendsPerAddress, c.MaxSends, c.MaxGuessesPerEmail, c.MaxGuessesPerAddress, c.MaxFormsPerClient) < 0 {
		panic("handlers: NewSignIn: a limit of SignInConfig is negative")
	}
	if c.Key.IsZero() {
		c.Key = session.NewSecret(rand.Text() + rand.Text()) // 260 random bits
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
