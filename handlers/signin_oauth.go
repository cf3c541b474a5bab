package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
)

// oauthStarter starts sign-ins with a provider; *crossmint.Client implements it.
type oauthStarter interface {
	StartOAuth(ctx context.Context, provider, appSchema string) (*url.URL, error)
}

// oauthMethod is the method of a state for [SignIn.FinishOAuth].
const oauthMethod = "oauth"

// StartOAuth takes a form with the field provider, one of SignInConfig.OAuthProviders,
// and redirects to upstream's page for it. A cookie binds the sign-in to this browser
// for ten minutes.
//
// Upstream's pages have to be in a window that a page of yours has opened, since at the
// end they send a message to that page:
//
//	{event: "authMaterialFromPopupCallback", data: {oneTimeSecret: "…"}}
//	{event: "errorFromPopupCallback", data: {error: "…"}}
//
// Open the window with window.open, and give the form its name as the target. The page
// must have no Cross-Origin-Opener-Policy of same-origin. Browsers check a
// Content-Security-Policy with form-action against each redirect, too. Take messages
// whose source is that window, and submit the secret to [SignIn.FinishOAuth]. With
// Partitioned cookies this does not work in pages that other sites embed: the window
// has cookies of its own there.
//
// Crossmint's clients for browsers expect these messages; its documentation does not
// mention them. Nor is it confirmed that the real service accepts a server key here.
//
// The form may take 5 s to arrive, and upstream has 8 s to respond.
func (s *SignIn) StartOAuth(w http.ResponseWriter, r *http.Request) {
	if s.oauth == nil {
		writeNotConfigured(w, "OAuthProviders")
		return
	}
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	target, err := s.startOAuth(r, f.provider)
	if err == nil {
		err = s.writeState(w, r, oauthMethod)
	}
	if err != nil {
		s.reportFailure(r, startFailed(opStartOAuth, err))
		redirect(w, s.config.EmailPage, f.returnTo, errorCodeOf(err))
		return
	}
	seeOther(w, target.String())
}

func (s *SignIn) startOAuth(r *http.Request, provider string) (*url.URL, error) {
	if !slices.Contains(s.config.OAuthProviders, provider) {
		return nil, errOAuth
	}
	if !s.allowStart(r) {
		return nil, errLimited
	}
	defer s.limits.inFlight.Release()
	ctx, cancel := context.WithTimeout(r.Context(), codeTimeout)
	defer cancel()
	target, err := s.oauth.StartOAuth(ctx, provider, "")
	if errors.Is(err, session.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", errOAuth, err)
	}
	return target, err
}

// FinishOAuth takes a form with the field secret, the one-time secret of upstream's
// message. Like [SignIn.ConfirmCode] it stores the session in cookies and redirects to
// return_to or After. If it fails, the browser keeps its earlier session, and the user
// has to start again.
//
// Only a browser that has called [SignIn.StartOAuth] can submit a secret, and only from
// this site. Otherwise another site could sign a visitor in as its own user. Upstream's
// secrets do not tell in which browser they began, so the page must not take one from
// any window but the one that it has opened.
//
// A form that is submitted twice, for example by a double click, signs in with both
// responses.
//
// The form may take 5 s to arrive. Upstream has session.Config.RefreshBudget (8 s) for
// the session, and up to 1 s more for the JWT of an earlier session.
func (s *SignIn) FinishOAuth(w http.ResponseWriter, r *http.Request) {
	if s.oauth == nil {
		writeNotConfigured(w, "OAuthProviders")
		return
	}
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	state, ok := s.readState(r, oauthMethod)
	switch {
	case !ok:
		s.redirectWithoutPending(w, r, f, f.secret)
		return
	case !isOneTimeSecret(f.secret):
		s.redirectError(w, r, s.config.EmailPage, f, errOAuth)
		return
	case !s.allowFinish(r, state):
		s.redirectError(w, r, s.config.EmailPage, f, errLimited)
		return
	}
	defer s.limits.inFlight.Release()
	s.storeSession(w, r, proof{form: f, value: f.secret, retryPage: s.config.EmailPage, isSecret: true}, session.NewSecret(f.secret))
}

// isOneTimeSecret reports whether s has the form of a token: printable ASCII.
func isOneTimeSecret(s string) bool {
	isOther := func(r rune) bool { return r <= ' ' || r > '~' }
	return s != "" && len(s) <= bounds.MaxRefreshTokenBytes && !strings.ContainsFunc(s, isOther)
}
