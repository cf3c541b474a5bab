package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// EmailCodes sends and confirms one-time codes; *crossmint.Client implements it.
// Its errors follow the contract of [session.Upstream]. It must be safe for
// concurrent use.
type EmailCodes interface {
	// SendEmailOTP sends a code to email and returns the ID of the e-mail.
	SendEmailOTP(ctx context.Context, email string) (emailID string, err error)
	// ConfirmEmailOTP exchanges a code for a one-time secret, to be used with
	// session.Manager.SignIn.
	ConfirmEmailOTP(ctx context.Context, email, emailID, code string) (session.Secret, error)
}

// codeTimeout bounds one call of EmailCodes.
const codeTimeout = 8 * time.Second

// A SignIn signs users in by e-mail with two HTML forms and no script.
// [SignIn.SendCode] takes the form with the address, [SignIn.ConfirmCode] the
// form with the code. Both forms may have a field return_to, the path on this
// host to open after the sign-in. Mount both by path, without a method.
//
// Responses to forms are redirects (303). After an error they lead back to a
// page, keep return_to, and add the query parameter error:
//
//	email        the e-mail address is invalid
//	code         the code is wrong or already used
//	expired      there is no pending sign-in: request a code
//	limit        a rate limit was reached: try later
//	unavailable  upstream is unavailable: try later
//
// A reached limit is no 429, since browsers would show that instead of your page.
// Its redirect has no Retry-After, which means something else there (RFC 9110
// §10.2.3). Requests that no form sends get the error statuses of [Refresh].
//
// SendCode does not reveal which addresses have an account. If upstream rejects
// an address, the browser still goes to the second form, and upstream rejects
// every code. But SendCode cannot hide upstream's response time.
//
// Each process limits sends to one address (5 in 10 minutes), all sends (100 in
// 10 seconds), codes for one e-mail (5) and concurrent calls of upstream (64). To
// limit single clients, use a proxy that knows their addresses.
//
// A SignIn is safe for concurrent use. The zero value is not usable.
type SignIn struct {
	*endpoint
	codes  EmailCodes
	config SignInConfig
	limits signInLimits
}

// NewSignIn returns a SignIn. It panics if codes, sessions or cookies is nil, or
// if a page of config is missing or not a path on this host.
func NewSignIn(codes EmailCodes, sessions *session.Manager, cookies *cookie.Codec, config SignInConfig) *SignIn {
	if codes == nil {
		panic("handlers: NewSignIn: the e-mail codes are nil")
	}
	config = config.withDefaults()
	return &SignIn{
		endpoint: newEndpoint("NewSignIn", sessions, cookies, Config{Protection: config.Protection, OnError: config.OnError}),
		codes:    codes,
		config:   config,
		limits:   newSignInLimits(),
	}
}

// Email returns the address of the pending sign-in in r's browser, for the page
// with the code's form. It returns false if there is none, or if it has expired.
func (s *SignIn) Email(r *http.Request) (email string, ok bool) {
	pending, ok := s.cookies.ReadPendingSignIn(r, s.config.Key)
	return pending.Email, ok
}

// errLimited is the error that SignInConfig.OnError receives for error=limit.
var errLimited = errors.New("handlers: sign-in limited")

var (
	errEmail     = errors.New("handlers: not an e-mail address")
	errCode      = errors.New("handlers: not a code")
	errNoPending = errors.New("handlers: no pending sign-in, or an expired one")
)

// An errorCode is a value of the query parameter error.
type errorCode string

const (
	emailInvalid  errorCode = "email"
	codeInvalid   errorCode = "code"
	signInExpired errorCode = "expired"
	limitReached  errorCode = "limit"
	unavailable   errorCode = "unavailable"
)

// errorCodeOf returns the code for an error that is not final.
func errorCodeOf(err error) errorCode {
	if errors.Is(err, errLimited) {
		return limitReached
	}
	return unavailable
}

// isFinal reports whether upstream has decided about an address or a code.
// Upstream does not document its response for an unknown address or a wrong code,
// so every complete response below 500 counts, even one that means "unavailable"
// elsewhere in this module.
func isFinal(err error) bool {
	var upstreamErr *session.UpstreamError
	if errors.As(err, &upstreamErr) && upstreamErr.Status != 0 {
		return upstreamErr.Status < http.StatusInternalServerError
	}
	return errors.Is(err, session.ErrRefused)
}

// redirectRestart deletes the pending sign-in and redirects to the first form.
func (s *SignIn) redirectRestart(w http.ResponseWriter, r *http.Request, f form, code errorCode, cause error) {
	s.cookies.DeletePendingSignIn(w)
	s.redirectError(w, r, s.config.EmailPage, f, code, cause)
}

// redirectError reports cause and redirects to a page that shows the error.
func (s *SignIn) redirectError(w http.ResponseWriter, r *http.Request, page *url.URL, f form, code errorCode, cause error) {
	s.reportError(r, cause)
	redirect(w, r, page, f.returnTo, code)
}

func redirect(w http.ResponseWriter, r *http.Request, page, returnTo *url.URL, code errorCode) {
	target := *page
	query := target.Query()
	if code != "" {
		query.Set("error", string(code))
	}
	if returnTo != nil {
		query.Set("return_to", returnTo.String())
	}
	target.RawQuery = query.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}
