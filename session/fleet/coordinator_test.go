package fleet_test

import (
	"context"
	"testing"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
)

// A call may ignore the end of its context. Close does not wait for it, and leaves no
// connection open.
func TestCloseDuringCallWithoutEnd(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		asked, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		calls := &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) {
			close(asked)
			<-release
			return nil, context.Canceled
		}}
		go func() {
			_, _ = p.a.Do(t.Context(), session.NewSecret("r1"), calls.Upstream())
			close(done)
		}()
		<-asked
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.a.Close(ctx); err == nil {
			t.Error("Close has waited for the call")
		}
		if _, err := p.stores[0].Load(t.Context(), "t00.key"); err == nil {
			t.Error("the store is open")
		}
		close(release)
		<-done
	})
}
