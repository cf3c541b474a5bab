package session_test

import (
	"errors"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
)

// TestEarlyDataUsesNoRefreshToken presents an expired JWT in a request that others can
// send again.
func TestEarlyDataUsesNoRefreshToken(t *testing.T) {
	kit := testkit.New(t, testkit.Config{Fake: crossminttest.Config{}})
	material := kit.Expired("")
	material.EarlyData = true
	_, authenticateErr := kit.Manager.Authenticate(t.Context(), material)
	_, refreshErr := kit.Manager.Refresh(t.Context(), material, session.Secret{})
	for _, err := range []error{authenticateErr, refreshErr} {
		var upstreamErr *session.UpstreamError
		if !errors.As(err, &upstreamErr) || !upstreamErr.TooEarly || !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("error: %v", err)
		}
	}
	if got := kit.Fake.Calls().Refresh; got != 0 {
		t.Errorf("%d refreshes, want 0", got)
	}
}
