package session

import (
	"context"
	"errors"
	"time"
)

// attempt is what is known of one call of Authenticate or Refresh while it
// runs; the event at its end tells of it.
type attempt struct {
	op      string
	started time.Time
	node    *node
	asked   Secret // the refresh token used last
	shared  bool
	best    candidate
}

func newAttempt(op string, n *node) *attempt {
	return &attempt{op: op, started: time.Now(), node: n, best: candidate{verdict: errNoJWT}}
}

// conclude leaves the outcome in the node and reports it.
func (m *Manager) conclude(ctx context.Context, a *attempt, result Result, err error) (Result, error) {
	if err != nil {
		if a.node == nil || a.node.owner != nil {
			a.node = &node{fate: &usual}
		}
		a.node.settle(m, err)
		result = Result{place: a.node.place()}
	}
	e := Event{
		Op: a.op, Err: err, Token: m.hasher.name(a.asked), Shared: a.shared, UserID: a.best.token.UserID,
		Latency: time.Since(a.started),
	}
	var up *UpstreamError
	if errors.As(err, &up) {
		e.UpstreamStatus = up.Status
	}
	e.Outcome = outcome(&result, err)
	if result.Session != nil {
		e.UserID = result.Session.UserID
	}
	if e.Outcome != Allowed || m.config.ReportAllowed {
		m.report(ctx, e)
	}
	return result, err
}

// outcome names the ending of an attempt.
func outcome(result *Result, err error) Outcome {
	var rejected *AuthenticationError
	switch {
	case errors.As(err, &rejected) && rejected.Clear:
		return SignedOut
	case rejected != nil:
		return Rejected
	case err != nil:
		return Undecided
	case result.Renewed != nil:
		return Refreshed
	case result.Stale:
		return ServedStale
	default:
		return Allowed
	}
}
