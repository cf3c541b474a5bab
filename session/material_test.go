package session_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// counting is an upstream that counts the JWTs it has to judge.
type counting struct {
	session.Upstream
	judged *atomic.Int64
}

func (c counting) Judge(ctx context.Context, jwt string, fresh bool) (session.Token, int64, error) {
	c.judged.Add(1)
	return c.Upstream.Judge(ctx, jwt, fresh)
}

// However many cookies a request brings, few of them cost anything.
func TestManyPairs(t *testing.T) {
	in(t, "cost eight judgements", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var judged atomic.Int64
		m, err := session.NewManager(session.Config{Upstream: counting{w.client, &judged}, OnEvent: w.note})
		if err != nil {
			t.Fatal(err)
		}
		var many session.Material
		for i := range 100 {
			many.Add(fmt.Sprint("jwt", i), "", i)
		}
		_, err = m.Authenticate(t.Context(), many)
		w.want(err, "KEEP401", 0)
		if got := judged.Load(); got != 8 {
			t.Errorf("%d JWTs were judged", got)
		}
	})
	in(t, "cost two logouts", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		var many session.Material
		for i := range 8 {
			many.Add("", fmt.Sprint("token", i), i)
		}
		_ = w.Logout(t.Context(), many, session.NewSecret("apart"))
		if got := w.fake.Calls().Logout; got != 2 {
			t.Errorf("upstream was told %d times", got)
		}
	})
}

// A Material that is used a second time changes nothing that the first use
// has handed out.
func TestMaterialUsedTwice(t *testing.T) {
	in(t, "makes two sessions", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.signIn("ann@example.com")
		first, err := w.authenticate(m)
		w.want(err, "OK", 0)
		second, err := w.authenticate(m)
		w.want(err, "OK", 0)
		if first.Session == second.Session {
			t.Error("both uses share one session")
		}
	})
}
