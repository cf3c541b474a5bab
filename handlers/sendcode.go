package handlers

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// SendCode takes a form with email, has a code sent and redirects to CodePage.
func (s *SignIn) SendCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	if !isEmail(f.email) {
		s.back(w, r, s.config.EmailPage, f, badEmail, errEmail)
		return
	}
	emailID, err := s.send(r.Context(), f.email)
	if err != nil && !definite(err) {
		s.back(w, r, s.config.EmailPage, f, problemOf(err), err)
		return
	}
	if err != nil {
		emailID = rand.Text() // no code is right for it
		s.notify(r, err)
	}
	if err := s.cookies.WritePending(w, s.config.Key, cookie.Pending{Email: f.email, EmailID: session.NewSecret(emailID)}); err != nil {
		s.back(w, r, s.config.EmailPage, f, unavailable, err)
		return
	}
	redirect(w, r, s.config.CodePage, f.returnTo, "")
}

// send counts every send whatever comes of it: the e-mail may be on its way.
func (s *SignIn) send(ctx context.Context, email string) (emailID string, err error) {
	inbox := mailbox(email)
	if !s.sends.take(inbox) {
		return "", ErrLimited
	}
	if !s.allSends.take("") {
		s.sends.giveBack(inbox)
		return "", ErrLimited
	}
	if !s.inFlight.enter() {
		s.sends.giveBack(inbox)
		return "", ErrLimited
	}
	defer s.inFlight.leave()
	ctx, cancel := context.WithTimeout(ctx, codePatience)
	defer cancel()
	return s.codes.SendEmailOTP(ctx, email)
}
