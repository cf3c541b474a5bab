package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// How often one request makes upstream be asked depends on how far a try got,
// and on the time that it took.
func TestTries(t *testing.T) {
	unavailable := func(delivery session.Delivery, status int) error {
		return &session.UpstreamError{Kind: session.Unavailable, Delivery: delivery, Status: status}
	}
	tests := []struct {
		name string
		err  error
		took time.Duration // by each try
		want int
	}{
		{"never sent", unavailable(session.NotSent, 0), 0, 3},
		{"never sent, a second try begins within the second", unavailable(session.NotSent, 0), 700 * ms, 2},
		{"never sent, and the second is over", unavailable(session.NotSent, 0), 1100 * ms, 1},
		{"cut off", unavailable(session.CutOff, 0), 0, 2},
		{"cut off late", unavailable(session.CutOff, 0), 4 * second, 2},
		{"timed out", unavailable(session.TimedOut, 0), 5 * second, 1},
		{"answered 500", unavailable(session.Answered, 500), 0, 1},
		{"answered 429", unavailable(session.Answered, 429), 0, 1},
		{"malformed", &session.UpstreamError{Kind: session.Malformed}, 0, 1},
		{"refused", &session.UpstreamError{Kind: session.Refused}, 0, 1},
		{"no error of upstream's", context.DeadlineExceeded, 0, 1},
	}
	for _, test := range tests {
		in(t, test.name, crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
			material := w.expired("ann@example.com")
			tries := 0
			m := w.managerOf(t, func(context.Context, session.Secret) (*session.Grant, error) {
				tries++
				time.Sleep(test.took)
				return nil, test.err
			})
			if _, err := m.Authenticate(t.Context(), material); err == nil || tries != test.want {
				t.Errorf("%v after %d tries, want %d", err, tries, test.want)
			}
		})
	}
}
