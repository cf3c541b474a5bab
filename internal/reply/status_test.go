package reply_test

import (
	"errors"
	"testing"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

func TestUnavailableStatusConcernsNoOtherError(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"unavailable", session.ErrUnavailable, 429},
		{"not authenticated", &session.AuthenticationError{Message: "m", Err: session.ErrUnavailable}, 401},
		{"too early", &session.UpstreamError{Kind: session.ErrUnavailable, TooEarly: true}, 425},
		{"another error", errors.New("fault of the application"), 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := reply.StatusOf(reply.WithUnavailableStatus(test.err, 429)); got != test.want {
				t.Errorf("status = %d, want %d", got, test.want)
			}
		})
	}
}
