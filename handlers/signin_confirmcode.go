package handlers

import (
	"context"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/crossmint-go/auth/session"
)

// ConfirmCode takes a form with the field code, stores the session in cookies and
// redirects to return_to or After. If it fails, the browser keeps its earlier
// session.
//
// The form may take 5 s to arrive. Upstream has 8 s for the code and
// session.Config.RefreshBudget (8 s) for the session, and up to 1 s more for the
// JWT of an earlier session. So a server's WriteTimeout must be longer than 22 s.
func (s *SignIn) ConfirmCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	pending, ok := s.cookies.ReadPendingSignIn(r, s.config.Key)
	if !ok {
		s.redirectError(w, r, s.config.EmailPage, f, signInExpired, errNoPending)
		return
	}
	if !isCode(f.code) {
		s.redirectError(w, r, s.config.CodePage, f, codeInvalid, errCode)
		return
	}
	if !s.limits.codesPerEmail.Allow(pending.EmailID.Reveal()) {
		s.redirectRestart(w, r, f, limitReached, errLimited)
		return
	}
	secret, err := s.confirmCode(r.Context(), pending, f.code)
	switch {
	case isFinal(err):
		s.redirectError(w, r, s.config.CodePage, f, codeInvalid, err)
	case err != nil:
		s.limits.codesPerEmail.Refund(pending.EmailID.Reveal()) // upstream has decided nothing
		s.redirectError(w, r, s.config.CodePage, f, errorCodeOf(err), err)
	default:
		s.storeSession(w, r, f, secret)
	}
}

func (s *SignIn) confirmCode(ctx context.Context, pending cookie.PendingSignIn, code string) (session.Secret, error) {
	if !s.limits.inFlight.Acquire() {
		return session.Secret{}, errLimited
	}
	defer s.limits.inFlight.Release()
	ctx, cancel := context.WithTimeout(ctx, codeTimeout)
	defer cancel()
	return s.codes.ConfirmEmailOTP(ctx, pending.Email, pending.EmailID.Reveal(), code)
}

// storeSession exchanges the one-time secret for a session and writes the cookies. The
// new session ends the earlier one of the browser. An error does not reach the codec:
// a failed sign-in must not delete the earlier session. After any error the user needs
// a new code, because this one is used up.
func (s *SignIn) storeSession(w http.ResponseWriter, r *http.Request, f form, secret session.Secret) {
	presented := s.cookies.Read(r)
	result, err := s.sessions.SignIn(r.Context(), presented.Material, secret)
	if err == nil {
		err = s.applyCookies(w, r, presented, result, nil)
	}
	if err != nil {
		s.redirectRestart(w, r, f, unavailable, err)
		return
	}
	defer func() {
		result.Renewed.Delivered(r.Context(), delivery.Lost(r.Context(), result.Renewed.StartedAt))
	}()
	s.cookies.DeletePendingSignIn(w)
	target := f.returnTo
	if target == nil {
		target = s.config.After
	}
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
}
