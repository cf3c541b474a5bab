package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// EmailCodes sends and confirms one-time codes; *crossmint.Client implements it.
// Its errors follow the contract of [session.Upstream]: only session.ErrRefused rejects
// an address or a code. It must be safe for concurrent use.
type EmailCodes interface {
	// SendEmailOTP sends a code to email and returns the ID of the e-mail.
	SendEmailOTP(ctx context.Context, email string) (emailID string, err error)
	// ConfirmEmailOTP exchanges a code for a one-time secret, to be used with
	// session.Manager.SignIn.
	ConfirmEmailOTP(ctx context.Context, email, emailID, code string) (session.Secret, error)
}

// codeTimeout bounds one call of EmailCodes, and those for providers and wallets.
const codeTimeout = 8 * time.Second

// earlierJWTTimeout is the time that the session manager has for the JWT of an earlier
// session: a third of the default of session.Config.LogoutTimeout.
const earlierJWTTimeout = time.Second

// A SignIn signs users in by e-mail with two HTML forms and no script.
// [SignIn.SendCode] takes the form with the address, [SignIn.ConfirmCode] the
// form with the code. Both forms may have a field return_to, the path on this
// host to open after the sign-in, with or without a query and a fragment. Mount both
// by path, without a method.
//
// If they are configured, users also sign in with a provider such as Google
// ([SignIn.StartOAuth], [SignIn.FinishOAuth]) or with a wallet ([SignIn.StartWallet],
// [SignIn.FinishWallet]). These need a script in the page.
//
// A code may have spaces, hyphens and the digits of any script. Invisible characters
// around a code or an address do not count.
//
// Responses to forms are redirects (303). After an error they lead back to a
// page, keep return_to, and add the query parameter error:
//
//	email        the e-mail address is invalid
//	code         the code is wrong or already used
//	oauth        the provider is not configured, or its secret is invalid or used
//	wallet       the wallet is invalid, or its signature is wrong or used
//	expired      this browser has no pending sign-in, or has logged out: start again
//	limit        a rate limit was reached: try later
//	rejected     SignInConfig.OnSignIn has returned an error
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
// 10 seconds), wrong codes for one e-mail (5) and for one address (100 a day), starts
// with a provider or wallet (100 in 10 seconds), forms that finish one of these (10),
// and concurrent calls of upstream (64). SignInConfig changes the limits, and can limit
// single clients.
//
// A response that signs in has Clear-Site-Data: "prefetchCache", "prerenderCache": the
// browser drops the pages that it has fetched in advance for the visitor before.
//
// The session manager reports each form as an event: code_sent, code_not_sent,
// signed_in or sign_in_failed. A sign-in that only started is no event.
//
// A SignIn is safe for concurrent use. The zero value is not usable.
type SignIn struct {
	*endpoint
	codes         EmailCodes
	oauth         oauthStarter // nil: not configured
	wallets       walletSignIn // nil: not configured
	config        SignInConfig
	limits        signInLimits
	pending       *pendingCookie
	confirmations *confirmations
}

// NewSignIn returns a SignIn. It panics if codes, sessions or cookies is nil, if a
// page of config is missing or not a path on this host, if a limit is negative, or if
// config has a provider or wallet type that codes cannot serve.
func NewSignIn(codes EmailCodes, sessions *session.Manager, cookies *cookie.Codec, config SignInConfig) *SignIn {
	if codes == nil {
		panic("handlers: NewSignIn: the e-mail codes are nil")
	}
	config = config.withDefaults()
	s := &SignIn{
		endpoint: newEndpoint("NewSignIn", sessions, cookies, Config{Protection: config.Protection, OnError: config.OnError}),
		codes:    codes, config: config, limits: newSignInLimits(config),
	}
	pending, err := newPendingCookie(cookies.Config(), config.Key)
	if err != nil {
		panic(fmt.Sprintf("handlers: NewSignIn: SignInConfig.Key: %v", err))
	}
	s.pending = pending
	s.confirmations = newConfirmations(func(ctx context.Context, err error) { s.reportEvents(ctx, signInFailed(err)) })
	s.op, s.invalid, s.warnings.Op = opSignIn, event.SignInFailed, opSignIn
	s.setMethods()
	return s
}

// setMethods sets the sources of the configured methods beside e-mail.
func (s *SignIn) setMethods() {
	if providers := s.config.OAuthProviders; len(providers) > 0 {
		starter, ok := s.codes.(oauthStarter)
		if !ok || slices.Contains(providers, "") {
			panic("handlers: NewSignIn: SignInConfig.OAuthProviders has an empty name, or the e-mail codes have no method StartOAuth")
		}
		s.oauth = starter
	}
	if types := s.config.WalletTypes; len(types) > 0 {
		wallets, ok := s.codes.(walletSignIn)
		isUnknown := func(chain string) bool { return addressForms[chain] == nil }
		if !ok || slices.ContainsFunc(types, isUnknown) {
			panic("handlers: NewSignIn: SignInConfig.WalletTypes is not ethereum or solana, or the e-mail codes have no methods StartWallet and FinishWallet")
		}
		s.wallets = wallets
	}
}

// Email returns the address of the pending sign-in in r's browser, for the page
// with the code's form. It returns false if there is none, or if it has expired.
func (s *SignIn) Email(r *http.Request) (email string, ok bool) {
	pending, ok := s.pendingCode(r)
	return pending.Email, ok
}

// errLimited is the error that SignInConfig.OnError receives for error=limit.
var errLimited = errors.New("handlers: sign-in limited")

// errNoGuesses is errLimited for codes: the pending sign-in is of no use any more.
var errNoGuesses = fmt.Errorf("%w: too many codes for this e-mail or address", errLimited)

var (
	errEmail     = errors.New("handlers: not an e-mail address")
	errCode      = errors.New("handlers: not a code")
	errOAuth     = errors.New("handlers: provider is not in SignInConfig.OAuthProviders, or not a one-time secret")
	errWallet    = errors.New("handlers: not a wallet of SignInConfig.WalletTypes, or no valid signature")
	errNoPending = errors.New("handlers: no pending sign-in, or an expired one")
	errOnSignIn  = errors.New("handlers: SignInConfig.OnSignIn")
)

// An errorCode is a value of the query parameter error.
type errorCode string

const (
	emailInvalid  errorCode = "email"
	codeInvalid   errorCode = "code"
	oauthInvalid  errorCode = "oauth"
	walletInvalid errorCode = "wallet"
	signInExpired errorCode = "expired"
	limitReached  errorCode = "limit"
	rejected      errorCode = "rejected"
	unavailable   errorCode = "unavailable"
)

// errorCodeOf returns the code for an error. Of upstream's errors only a refusal is a
// decision about an address, a code or a signature.
func errorCodeOf(err error) errorCode {
	var upstreamErr *session.UpstreamError
	switch {
	case errors.Is(err, errEmail):
		return emailInvalid
	case errors.Is(err, errOAuth):
		return oauthInvalid
	case errors.Is(err, errWallet):
		return walletInvalid
	case errors.Is(err, errCode), errors.Is(err, session.ErrRefused):
		return codeInvalid
	case errors.Is(err, errNoPending):
		return signInExpired
	case errors.Is(err, errOnSignIn):
		return rejected
	case errors.Is(err, errLimited), errors.As(err, &upstreamErr) && upstreamErr.Status == http.StatusTooManyRequests:
		return limitReached
	}
	return unavailable
}

// redirectRestart deletes the pending sign-in and redirects to the first form.
func (s *SignIn) redirectRestart(w http.ResponseWriter, r *http.Request, f form, err error) {
	s.pending.remove(w)
	s.redirectError(w, r, s.config.EmailPage, f, err)
}

// redirectError reports a failed sign-in and redirects to a page that shows the error.
func (s *SignIn) redirectError(w http.ResponseWriter, r *http.Request, page *url.URL, f form, err error) {
	s.reportFailure(r, signInFailed(err))
	redirect(w, page, f.returnTo, errorCodeOf(err))
}

func redirect(w http.ResponseWriter, page *url.URL, returnTo string, code errorCode) {
	target := *page
	query := target.Query()
	if code != "" {
		query.Set("error", string(code))
	}
	if returnTo != "" {
		query.Set("return_to", returnTo)
	}
	target.RawQuery = query.Encode()
	seeOther(w, target.String())
}

// seeOther redirects a browser that has sent a form (303). Unlike http.Redirect it
// leaves the path as it is.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
