package handlers_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// OptionalSession may stand around a whole site, with the two routes in it. Each
// request has one outcome.
func TestInsideOptionalSession(t *testing.T) {
	tests := []struct {
		name    string
		path    string
		change  func(env *testEnv, refresh string)
		valid   bool // the JWT
		marked  bool // two hours ago
		want    outcome
		maxTime time.Duration
		lines   int // of Set-Cookie
	}{
		{name: "refresh", path: "/refresh", want: outcome{Summary: "200 renewed", Refreshes: 1}, lines: 2},
		{name: "refresh beside a valid JWT", path: "/refresh", valid: true, want: outcome{Summary: "200 renewed", Refreshes: 1}, lines: 2},
		{
			name: "refused refresh", path: "/refresh", change: func(env *testEnv, refresh string) { env.Fake.Revoke(refresh) },
			want: outcome{Summary: "307 kept marked", Refreshes: 1}, maxTime: time.Second, lines: 1,
		},
		{
			name: "refresh refused twice", path: "/refresh", change: func(env *testEnv, refresh string) { env.Fake.Revoke(refresh) },
			marked: true, want: outcome{Summary: "401 cleared", Refreshes: 1}, lines: 3,
		},
		{
			name: "refresh at a slow upstream", path: "/refresh",
			change:  func(env *testEnv, _ string) { env.Fake.SetLatency(crossminttest.Refresh, 3*time.Second) },
			want:    outcome{Summary: "200 renewed", Refreshes: 1},
			maxTime: 3 * time.Second, lines: 2,
		},
		{
			name: "refresh while upstream hangs", path: "/refresh",
			change:  func(env *testEnv, _ string) { env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang()) },
			want:    outcome{Summary: "503 kept retry 1", Refreshes: 1},
			maxTime: 9 * time.Second,
		},
		{name: "logout", path: "/logout", want: outcome{Summary: "204 cleared", Refreshes: 1, Logouts: 1}, lines: 2},
		{
			name: "logout while upstream hangs", path: "/logout",
			change: func(env *testEnv, _ string) {
				env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
				env.Fake.FailAlways(crossminttest.Logout, crossminttest.Hang())
			},
			want:    outcome{Summary: "204 cleared", Refreshes: 1, Logouts: 1},
			maxTime: 4 * time.Second, lines: 2,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newTestEnv(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				testkit.NoError(t, env.Client.Preload(t.Context()))
				optional := middleware.OptionalSession(env.Manager, env.cookies, middleware.Config{})
				routes := env.mux
				env.mux = http.NewServeMux()
				env.mux.Handle("/", optional(routes))
				jwt, refresh := env.expiredTokens()
				if test.valid {
					jwt, refresh = env.validTokens()
				}
				if test.change != nil {
					test.change(env, refresh)
				}
				r := post(test.path, "{}", jwt, refresh)
				if test.marked {
					testkit.AddMarker(r, refresh, time.Now().Add(-2*time.Hour))
				}
				started, before := time.Now(), env.Fake.Calls()
				res, _ := env.serve(t, r)
				after := env.Fake.Calls()
				got := outcome{
					Summary: testkit.ResponseOutcome(t, res), Refreshes: after.Refresh - before.Refresh, Logouts: after.Logout - before.Logout,
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if took := time.Since(started); took > test.maxTime {
					t.Errorf("it took %v, want %v at most", took, test.maxTime)
				}
				if lines := res.Header["Set-Cookie"]; len(lines) != test.lines {
					t.Errorf("Set-Cookie: %q, want %d lines", lines, test.lines)
				}
			})
		})
	}
}
