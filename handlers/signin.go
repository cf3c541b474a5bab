package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// EmailCodes sends one-time codes and takes them back; *crossmint.Client does.
// Its errors are classified as [session.Upstream] says.
type EmailCodes interface {
	// SendEmailOTP has a code sent and returns the ID of the e-mail.
	SendEmailOTP(ctx context.Context, email string) (emailID string, err error)
	// ConfirmEmailOTP exchanges a code for a one-time secret, which
	// session.Manager.Refresh takes.
	ConfirmEmailOTP(ctx context.Context, email, emailID, code string) (session.Secret, error)
}

// SignInConfig configures a [SignIn]. EmailPage and CodePage are required.
type SignInConfig struct {
	// EmailPage and CodePage are the pages with the two forms: paths on this
	// host. They may be one page.
	EmailPage, CodePage *url.URL
	// After is where those land who are signed in and did not say where they
	// wanted to: a path on this host. nil: "/".
	After *url.URL
	// Key seals what a browser keeps between the two steps. Servers behind one
	// balancer need the same. Zero: a random one, known to this process only.
	Key cookie.PendingKey
	// Protection is as in [Config].
	Protection *http.CrossOriginProtection
	// OnError is as in [Config]. It receives the cause, too, where the answer
	// conceals it.
	OnError func(r *http.Request, err error)
}

// A SignIn signs users in by e-mail, with two HTML forms and no script:
// [SignIn.SendCode] takes the address, [SignIn.ConfirmCode] the code. Both may
// hold return_to, a path on this host to land on. Mount them by path, without
// a method.
//
// Answers to forms are redirects (303). Where something is wrong they lead
// back to a page, with return_to, and say so in the query parameter error:
//
//	email        that is no e-mail address
//	code         that code is wrong, or was used before
//	expired      there is no sign-in to finish: ask for a code
//	limit        too much was asked for: later
//	unavailable  it cannot be done now: later
//
// limit is no 429, since a browser would show that in place of your page; and
// it has no Retry-After, which on a redirect means something else (RFC 9110
// §10.2.3). Requests that no form sends are refused as by [Refresh].
//
// What SendCode answers tells nothing about an address: where upstream refuses
// it, the browser goes on to the second step, in which no code is right.
// Whether upstream takes as long for an address that it knows is up to it.
//
// Each process limits sends for one address (5 in 10 minutes), sends for all
// (100 in 10 seconds), codes for one e-mail (5) and calls at once (64). Limit
// single clients in front of it, where their addresses are known.
type SignIn struct {
	*endpoint
	codes  EmailCodes
	config SignInConfig

	sends, allSends, tries *quota
	inFlight               gate
}

// NewSignIn returns a SignIn. It panics, when it is wired, if codes, sessions
// or cookies is nil, a page is missing, or one is not a path on this host.
func NewSignIn(codes EmailCodes, sessions *session.Manager, cookies *cookie.Codec, config SignInConfig) *SignIn {
	if codes == nil {
		panic("handlers: NewSignIn: the e-mail codes are nil")
	}
	if config.After == nil {
		config.After = &url.URL{Path: "/"}
	}
	config.EmailPage = localPage("EmailPage", config.EmailPage)
	config.CodePage = localPage("CodePage", config.CodePage)
	config.After = localPage("After", config.After)
	if config.Key.IsZero() {
		config.Key = randomKey()
	}
	return &SignIn{
		endpoint: newEndpoint("NewSignIn", sessions, cookies, Config{Protection: config.Protection, OnError: config.OnError}),
		codes:    codes, config: config,
		sends: newQuota(sendsPerAddress, limitWindow), allSends: newQuota(sendsOfAll, sendsWindow),
		tries: newQuota(triesPerSignIn, limitWindow), inFlight: make(gate, maxInFlight),
	}
}

// localPage returns a copy of a configured page.
func localPage(name string, page *url.URL) *url.URL {
	if page == nil || !reply.LocalPath(page) {
		panic(fmt.Sprintf("handlers: NewSignIn: SignInConfig.%s must be a path on this host, not %q", name, page))
	}
	checked := *page
	return &checked
}

func randomKey() cookie.PendingKey {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	key, err := cookie.NewPendingKey(secret)
	if err != nil {
		panic(err) // the length is right
	}
	return key
}

// ErrLimited is what SignInConfig.OnError receives for error=limit.
var ErrLimited = errors.New("handlers: sign-in limited")

var (
	errEmail     = errors.New("handlers: not an e-mail address")
	errCode      = errors.New("handlers: not a code")
	errNoPending = errors.New("handlers: no pending sign-in, or one that is over")
)

// problem is a value of the query parameter error.
type problem string

const (
	badEmail    problem = "email"
	badCode     problem = "code"
	expired     problem = "expired"
	limited     problem = "limit"
	unavailable problem = "unavailable"
)

// codePatience is how long upstream may take over a code.
const codePatience = 8 * time.Second

// Email returns the address to which r's browser has had a code sent, for a
// page to show, and whether a code can still be typed in.
func (s *SignIn) Email(r *http.Request) (email string, ok bool) {
	p, ok := s.cookies.ReadPending(r, s.config.Key)
	return p.Email, ok
}

// restart ends the pending sign-in: another code is needed.
func (s *SignIn) restart(w http.ResponseWriter, r *http.Request, f form, p problem, cause error) {
	s.cookies.ClearPending(w)
	s.back(w, r, s.config.EmailPage, f, p, cause)
}

// back sends the user to a page that says what is wrong.
func (s *SignIn) back(w http.ResponseWriter, r *http.Request, page *url.URL, f form, p problem, cause error) {
	s.notify(r, cause)
	redirect(w, r, page, f.returnTo, p)
}

func redirect(w http.ResponseWriter, r *http.Request, page, returnTo *url.URL, p problem) {
	to := *page
	query := to.Query()
	if p != "" {
		query.Set("error", string(p))
	}
	if returnTo != nil {
		query.Set("return_to", returnTo.String())
	}
	to.RawQuery = query.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// definite reports whether err is upstream's answer about an address or a
// code, as far as anybody can know: it is documented for neither what upstream
// says to one that it does not know. So all complete answers below 500 count,
// also those that elsewhere in this module stand for an unavailable upstream.
func definite(err error) bool {
	var up *session.UpstreamError
	if errors.As(err, &up) && up.Status != 0 {
		return up.Delivery == session.Answered && up.Status < http.StatusInternalServerError
	}
	return errors.Is(err, session.ErrRefused)
}

func problemOf(err error) problem {
	if errors.Is(err, ErrLimited) {
		return limited
	}
	return unavailable
}
