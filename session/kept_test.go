package session

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A kept successor whose key is gone is exchanged on. While upstream cannot be
// reached it is all that is left of the session; once it is refused it is
// nothing.
func TestKeptSuccessorIsExchangedOn(t *testing.T) {
	refused, down := &UpstreamError{Kind: Refused, Status: 401}, &UpstreamError{Kind: Unavailable}
	tests := []struct {
		name    string
		answers []error // to the second try and those after it; nil: a grant
		want    []string
	}{
		{"at once", []error{nil}, []string{"a", "a'"}},
		{"after an outage", []error{down, down, nil}, []string{"a", "a'", "a'", "a'"}},
		{"until it is refused", []error{down, refused, nil}, []string{"a", "a'", "a'", "a"}},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			var asked []string
			c := newTestLocal(t, nil)
			work := &errand{judge: keyGoneFor("a'")}
			work.ask = func(_ context.Context, token Secret) (*Grant, error) {
				asked = append(asked, token.Reveal())
				if n := len(asked) - 2; n >= 0 && test.answers[n] != nil {
					return nil, test.answers[n]
				}
				return successor(token), nil
			}
			_, _ = c.Do(t.Context(), NewSecret("a"), work)
			for range test.answers {
				_, _ = c.Do(t.Context(), NewSecret("a"), work)
				time.Sleep(refusalAge + time.Second)
			}
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("upstream was asked with (-want +got):\n%s", diff)
			}
		})
	}
}

// keyGoneFor judges grants of which one is signed by a key that is gone.
func keyGoneFor(token string) func(*Grant) error {
	return func(g *Grant) error {
		if g.RefreshToken.Secret.Reveal() == token {
			return &UpstreamError{Kind: Malformed, Err: ErrJWTKeyUnknown}
		}
		return nil
	}
}
