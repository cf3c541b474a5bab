package handlers

import (
	"context"
	"testing"

	"github.com/crossmint-go/auth/session"
)

// A submit may look for the code before another submit has confirmed it, and ask for
// its confirmation after that.
func TestConfirmedCodeIsNotSentAgain(t *testing.T) {
	c := newConfirmations(func(context.Context, error) {})
	k, calls := c.key(session.NewSecret("e-mail"), "123456"), 0
	for range 2 {
		secret, err := c.do(t.Context(), k, func(context.Context) (session.Secret, error) {
			calls++
			return session.NewSecret("one-time"), nil
		})
		if err != nil || secret.Reveal() != "one-time" {
			t.Errorf("%q, %v", secret.Reveal(), err)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}
