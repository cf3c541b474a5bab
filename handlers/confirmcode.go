package handlers

import (
	"context"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// ConfirmCode takes a form with code, stores the session and redirects to
// where the user wanted to go. A session that the browser has already is
// replaced only by the new one: no failure touches it.
//
// It asks upstream for 8 s, and for session.Config.RefreshBudget after that: a
// server's WriteTimeout must be longer.
func (s *SignIn) ConfirmCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	pending, ok := s.cookies.ReadPending(r, s.config.Key)
	switch {
	case !ok:
		s.back(w, r, s.config.EmailPage, f, expired, errNoPending)
		return
	case !isCode(f.code):
		s.back(w, r, s.config.CodePage, f, badCode, errCode)
		return
	case !s.tries.take(pending.EmailID.Reveal()):
		s.restart(w, r, f, limited, ErrLimited)
		return
	}
	secret, err := s.confirm(r.Context(), pending, f.code)
	switch {
	case definite(err):
		s.back(w, r, s.config.CodePage, f, badCode, err)
	case err != nil:
		s.tries.giveBack(pending.EmailID.Reveal()) // nobody has judged the code
		s.back(w, r, s.config.CodePage, f, problemOf(err), err)
	default:
		s.store(w, r, f, secret)
	}
}

func (s *SignIn) confirm(ctx context.Context, p cookie.Pending, code string) (session.Secret, error) {
	if !s.inFlight.enter() {
		return session.Secret{}, ErrLimited
	}
	defer s.inFlight.leave()
	ctx, cancel := context.WithTimeout(ctx, codePatience)
	defer cancel()
	return s.codes.ConfirmEmailOTP(ctx, p.Email, p.EmailID.Reveal(), code)
}

// store exchanges the one-time secret. Only a success reaches the codec: an
// error could else clear the session of before. The code is spent in any case.
func (s *SignIn) store(w http.ResponseWriter, r *http.Request, f form, secret session.Secret) {
	result, err := s.sessions.Refresh(r.Context(), session.Material{}, secret)
	if err == nil {
		_, err = s.cookies.Apply(w, r, result, nil)
	}
	if err != nil {
		s.restart(w, r, f, unavailable, err)
		return
	}
	s.cookies.ClearPending(w)
	to := f.returnTo
	if to == nil {
		to = s.config.After
	}
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}
