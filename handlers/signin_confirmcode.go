package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/crossmint-go/auth/session"
)

// ConfirmCode takes a form with the field code, stores the session in cookies and
// redirects to return_to or After. If it fails, the browser keeps its earlier
// session.
//
// A form that is submitted several times, for example by a double click, signs in with
// each response, in the same session: upstream gets the code once, and for a minute
// after that this process remembers it. On another process, a later submit gets
// error=code or error=expired. The browser then has the session of the first response,
// unless it has dropped that.
//
// The form may take 5 s to arrive. Upstream has 8 s for the code and
// session.Config.RefreshBudget (8 s) for the session, and up to 1 s more for the
// JWT of an earlier session. So a server's WriteTimeout must be longer than 22 s.
func (s *SignIn) ConfirmCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	pending, ok := s.pendingCode(r)
	switch {
	case !ok:
		s.redirectWithoutPending(w, r, f, f.code)
		return
	case !isCode(f.code):
		s.redirectError(w, r, s.config.CodePage, f, errCode)
		return
	case !s.allowClient(r):
		s.redirectError(w, r, s.config.CodePage, f, errLimited)
		return
	}
	confirmed, secret, err := s.confirmCode(r.Context(), pending, f.code)
	switch {
	case errors.Is(err, errNoGuesses):
		s.redirectRestart(w, r, f, err)
	case err != nil:
		s.redirectError(w, r, s.config.CodePage, f, err)
	default:
		s.storeSession(w, r, proof{form: f, value: f.code, key: confirmed, retryPage: s.config.CodePage}, secret)
	}
}

// pendingCode returns the pending sign-in of r that waits for a code.
func (s *SignIn) pendingCode(r *http.Request) (pendingSignIn, bool) {
	pending, ok := s.pending.read(r)
	return pending, ok && pending.Email != ""
}

// confirmCode exchanges a code for a one-time secret. The code may belong to any of
// the pending e-mails, so it tries one after the other, the latest first. It also
// returns the key of the confirmation.
func (s *SignIn) confirmCode(ctx context.Context, pending pendingSignIn, code string) (k confirmationKey, secret session.Secret, err error) {
	ctx, cancel := context.WithTimeout(ctx, codeTimeout)
	defer cancel()
	emails := append([]pendingSignIn{pending}, pending.Earlier...)
	for _, e := range emails {
		k = s.confirmations.key(e.EmailID, code)
		if secret, found := s.confirmations.get(k); found {
			return k, secret, nil
		}
	}
	failure := errNoGuesses
	for _, e := range emails {
		k = s.confirmations.key(e.EmailID, code)
		secret, err = s.confirmations.do(ctx, k, func(ctx context.Context) (session.Secret, error) {
			return s.confirmOnce(ctx, pending.Email, e, code)
		})
		switch {
		case errors.Is(err, session.ErrRefused):
			failure = err
		case !errors.Is(err, errNoGuesses):
			return k, secret, err
		}
	}
	return k, session.Secret{}, failure
}

// confirmOnce makes one call of upstream. Only a code about which upstream may have
// decided, and which was wrong, counts as a guess.
func (s *SignIn) confirmOnce(ctx context.Context, email string, pending pendingSignIn, code string) (session.Secret, error) {
	guesses := s.limits.guesses(email, pending)
	if !reserve(guesses...) {
		return session.Secret{}, errNoGuesses
	}
	if !s.limits.inFlight.Acquire() {
		refund(guesses...)
		return session.Secret{}, errLimited
	}
	defer s.limits.inFlight.Release()
	secret, err := s.codes.ConfirmEmailOTP(ctx, email, pending.EmailID.Reveal(), code)
	if !isGuess(err) {
		refund(guesses...)
	}
	return secret, err
}

// isGuess reports whether upstream may have compared a wrong code: it has refused it,
// or responded with 2xx and without a secret.
func isGuess(err error) bool {
	var upstreamErr *session.UpstreamError
	if errors.As(err, &upstreamErr) && upstreamErr.Status >= 200 && upstreamErr.Status <= 299 {
		return true
	}
	return errors.Is(err, session.ErrRefused)
}
