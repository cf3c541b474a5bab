package handlers

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// SendCode takes a form with the field email, sends a code to that address and
// redirects to CodePage.
//
// The form may take 5 s to arrive, and upstream has 8 s to respond, so a server's
// WriteTimeout must be longer than the sum.
func (s *SignIn) SendCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	if !isEmail(f.email) {
		s.redirectError(w, r, s.config.EmailPage, f, emailInvalid, errEmail)
		return
	}
	emailID, err := s.sendCode(r.Context(), f.email)
	if err != nil && !isFinal(err) {
		s.redirectError(w, r, s.config.EmailPage, f, errorCodeOf(err), err)
		return
	}
	if err != nil {
		emailID = rand.Text() // upstream rejects every code for an unknown ID
		s.reportError(r, err)
	}
	if err := s.cookies.WritePendingSignIn(w, s.config.Key, cookie.PendingSignIn{Email: f.email, EmailID: session.NewSecret(emailID)}); err != nil {
		s.redirectError(w, r, s.config.EmailPage, f, unavailable, err)
		return
	}
	redirect(w, r, s.config.CodePage, f.returnTo, "")
}

// sendCode counts every call of upstream, even a failed one: the e-mail may be on
// its way. A send that a limit rejects does not count against its address.
func (s *SignIn) sendCode(ctx context.Context, email string) (emailID string, err error) {
	address := normalizeEmail(email)
	if !s.limits.sendsPerAddress.Allow(address) {
		return "", errLimited
	}
	if !s.limits.sends.Allow("") {
		s.limits.sendsPerAddress.Refund(address)
		return "", errLimited
	}
	if !s.limits.inFlight.Acquire() {
		s.limits.sendsPerAddress.Refund(address)
		return "", errLimited
	}
	defer s.limits.inFlight.Release()
	ctx, cancel := context.WithTimeout(ctx, codeTimeout)
	defer cancel()
	return s.codes.SendEmailOTP(ctx, email)
}
