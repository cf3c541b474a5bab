package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// SendCode takes a form with the field email, sends a code to that address and
// redirects to CodePage. After several e-mails the code of any of the last three works.
//
// The form may take 5 s to arrive, and upstream has 8 s to respond, so a server's
// WriteTimeout must be longer than the sum.
func (s *SignIn) SendCode(w http.ResponseWriter, r *http.Request) {
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	if err := s.startSignIn(w, r, f.email); err != nil {
		s.reportFailure(r, codeNotSent(err))
		redirect(w, s.config.EmailPage, f.returnTo, errorCodeOf(err))
		return
	}
	redirect(w, s.config.CodePage, f.returnTo, "")
}

// startSignIn sends a code and writes the cookie of the pending sign-in. If upstream
// rejects the address, it conceals that.
func (s *SignIn) startSignIn(w http.ResponseWriter, r *http.Request, email string) error {
	if !isEmail(email) {
		return errEmail
	}
	if !s.allowClient(r) {
		return errLimited
	}
	emailID, err := s.sendCode(r.Context(), email)
	switch {
	case errors.Is(err, session.ErrRefused):
		emailID = rand.Text() // upstream rejects every code for an unknown ID
		s.reportFailure(r, codeNotSent(err))
	case err != nil:
		return err
	default:
		s.sessions.Report(r.Context(), event.Event{Outcome: event.CodeSent, Op: opSendCode})
	}
	pending := pendingSignIn{Email: email, EmailID: session.NewSecret(emailID)}
	before, _ := s.pending.read(r)
	pending.State, pending.StateExpiresAt = before.State, before.StateExpiresAt
	if strings.EqualFold(before.Email, email) { // phones capitalize the first letter
		pending.Earlier = append([]pendingSignIn{before}, before.Earlier...)
	}
	return s.writePending(w, r, pending)
}

// sendCode counts every call of upstream, even a failed one: the e-mail may be on
// its way. A send that a limit rejects does not count against its address. An address
// whose guesses are used up gets no code.
func (s *SignIn) sendCode(ctx context.Context, email string) (emailID string, err error) {
	inbox := inboxOf(email)
	guess, perAddress := quota{s.limits.guessesPerAddress, inbox}, quota{s.limits.sendsPerAddress, inbox}
	all := quota{s.limits.sends, ""}
	if !reserve(guess, perAddress, all) {
		return "", errLimited
	}
	refund(guess)
	if !s.limits.inFlight.Acquire() {
		refund(perAddress)
		return "", errLimited
	}
	defer s.limits.inFlight.Release()
	ctx, cancel := context.WithTimeout(ctx, codeTimeout)
	defer cancel()
	return s.codes.SendEmailOTP(ctx, email)
}
