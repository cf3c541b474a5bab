package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// The operations of a sign-in in events.
const (
	opSendCode    = "send_code"
	opStartOAuth  = "start_oauth"
	opStartWallet = "start_wallet"
	opSignIn      = "sign_in"
)

// reportFailure reports a failed form: to OnError, and as an event.
func (s *SignIn) reportFailure(r *http.Request, e event.Event) {
	s.reportEvents(r.Context(), e)
	s.reportError(r, e.Err)
}

// reportEvents reports a failure as an event. A rejected API key and a panic are events
// of their own beside it.
func (s *SignIn) reportEvents(ctx context.Context, e event.Event) {
	var upstreamErr *session.UpstreamError
	var panicked *panicError
	if errors.As(e.Err, &upstreamErr) {
		e.UpstreamStatus = upstreamErr.Status
		if upstreamErr.APIKeyRejected {
			s.sessions.Report(ctx, event.Event{Outcome: event.APIKeyRejected, Op: e.Op, Err: e.Err, UpstreamStatus: e.UpstreamStatus})
		}
	}
	if errors.As(e.Err, &panicked) {
		s.sessions.Report(ctx, event.Event{Outcome: event.Panicked, Op: e.Op, Err: e.Err})
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Outcome = event.Abandoned
	}
	s.sessions.Report(ctx, e)
}

// codeNotSent is the event for a code that was not sent.
func codeNotSent(err error) event.Event {
	return event.Event{Outcome: event.CodeNotSent, Op: opSendCode, Err: err, UserError: errors.Is(err, errEmail)}
}

// startFailed is the event for a sign-in with a provider or wallet that did not begin.
// A refusal by upstream is no error of the user: it may not know the provider.
func startFailed(op string, err error) event.Event {
	var upstreamErr *session.UpstreamError
	isInvalid := errors.Is(err, errOAuth) || errors.Is(err, errWallet)
	return event.Event{Outcome: event.SignInFailed, Op: op, Err: err, UserError: isInvalid && !errors.As(err, &upstreamErr)}
}

// signInFailed is the event for a code or signature that was not accepted. A refusal that comes
// from a router in front of upstream is no error of the user.
func signInFailed(err error) event.Event {
	e := event.Event{Outcome: event.SignInFailed, Op: opSignIn, Err: err}
	var upstreamErr *session.UpstreamError
	if errors.As(err, &upstreamErr) {
		e.UserError = errors.Is(err, session.ErrRefused) && !upstreamErr.Uncertain
		return e
	}
	e.UserError = errors.Is(err, errCode) || errors.Is(err, errOAuth) || errors.Is(err, errWallet) || errors.Is(err, errNoPending)
	return e
}
