package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/crossmint-go/auth/session"
)

// A proof is the last form of a sign-in, which upstream has accepted or is about to.
type proof struct {
	form
	value     string          // its code, secret or signature
	key       confirmationKey // of its confirmation; zero if it needs none
	retryPage *url.URL        // to submit it again while upstream is unavailable
	isSecret  bool            // it is itself the one-time secret
}

// errorCodeOf returns the error code for a session that could not be fetched or stored.
func (p proof) errorCodeOf(err error) errorCode {
	var refused *session.AuthenticationError
	switch {
	case errors.Is(err, session.ErrLoggedOut):
		return signInExpired
	case p.isSecret && errors.As(err, &refused):
		return oauthInvalid
	}
	return unavailable
}

// storeSession exchanges the one-time secret for a session and writes the cookies. The
// new session ends the earlier one of the browser. An error does not reach the codec:
// a failed sign-in must not delete the earlier session. While upstream is unavailable
// the user can submit the same code again. After any other error the user starts again,
// because the code is used up.
func (s *SignIn) storeSession(w http.ResponseWriter, r *http.Request, p proof, secret session.Secret) {
	s.warnings.WriteTimeout(r, "to sign in, see handlers.SignIn.ConfirmCode", func(h session.Health) time.Duration {
		return bodyTimeout + codeTimeout + h.RefreshBudget + earlierJWTTimeout
	})
	presented := s.cookies.Read(r)
	result, err := s.sessions.SignIn(r.Context(), presented.Material, secret) // reports its errors
	switch {
	case errors.Is(err, session.ErrUnavailable) && !errors.Is(err, session.ErrMalformed):
		s.reportError(r, err)
		redirect(w, p.retryPage, p.returnTo, unavailable)
		return
	case err == nil:
		if err := s.onSignIn(w, r, p, result); err != nil {
			s.redirectRestart(w, r, p.form, err)
			return
		}
		err = s.applyCookies(w, r, presented, result, nil) // reports its errors
		if errors.Is(err, session.ErrMalformed) {          // it does not fit into a cookie
			s.endSession(r, p, result)
		}
	}
	if err != nil {
		s.reportError(r, err)
		s.pending.remove(w)
		redirect(w, s.config.EmailPage, p.returnTo, p.errorCodeOf(err))
		return
	}
	defer func() {
		lost := delivery.Lost(r.Context(), result.Renewed.StartedAt)
		result.Renewed.Delivered(r.Context(), lost)
		if lost == nil {
			s.confirmations.markDelivered(p.key, s.signedInKey(p, result))
		}
	}()
	s.pending.remove(w)
	s.redirectSignedIn(w, p.form)
}

// isRepeated reports whether r has a session that this code, secret or signature has
// begun a short time ago.
func (s *SignIn) isRepeated(r *http.Request, value string) bool {
	return value != "" && s.confirmations.isSignedIn(s.cookies.Read(r).Material, value)
}

// redirectWithoutPending responds to a last form of a browser without a pending sign-in:
// the same form has signed it in a short time ago, or it has to start again.
func (s *SignIn) redirectWithoutPending(w http.ResponseWriter, r *http.Request, f form, value string) {
	if s.isRepeated(r, value) {
		s.redirectSignedIn(w, f)
		return
	}
	s.redirectError(w, r, s.config.EmailPage, f, errNoPending)
}

// onSignIn calls SignInConfig.OnSignIn. If that returns an error or panics, it ends the
// session.
func (s *SignIn) onSignIn(w http.ResponseWriter, r *http.Request, p proof, result session.Result) error {
	if s.config.OnSignIn == nil {
		return nil
	}
	accepted := false
	defer func() {
		if !accepted {
			s.endSession(r, p, result)
		}
	}()
	err := s.config.OnSignIn(w, r.WithContext(result.NewContext(r.Context(), nil)), result.Renewed.Grant.User)
	if err != nil {
		return fmt.Errorf("%w: %w", errOnSignIn, err)
	}
	accepted = true
	return nil
}

// endSession logs out a new session whose cookies this response does not have. It is
// reported as an event. The session stays if another response to the same form has
// delivered it, or may do so: a browser whose user submits a form again cancels the
// first request.
func (s *SignIn) endSession(r *http.Request, p proof, result session.Result) {
	if r.Context().Err() != nil || s.confirmations.isDelivered(s.signedInKey(p, result)) {
		return
	}
	grant := result.Renewed.Grant
	_ = s.sessions.Logout(r.Context(), session.Material{JWT: grant.JWT, RefreshToken: grant.RefreshToken.Secret}, session.Secret{})
}

// signedInKey returns the key under which confirmations remember the delivery of a
// session.
func (s *SignIn) signedInKey(p proof, result session.Result) confirmationKey {
	return s.confirmations.key(result.Session.RefreshToken.Secret, p.value)
}

func (s *SignIn) redirectSignedIn(w http.ResponseWriter, f form) {
	seeOther(w, cmp.Or(f.returnTo, s.config.After.String()))
}
