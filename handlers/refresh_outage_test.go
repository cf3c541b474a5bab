package handlers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// budget is the default of session.Config.RefreshBudget.
const budget = 8 * time.Second

// TestRefreshRetries lets upstream fail a few times.
func TestRefreshRetries(t *testing.T) {
	tests := []struct {
		name    string
		faults  []crossminttest.Fault
		want    outcome
		minTime time.Duration
	}{
		{name: "500 once", faults: []crossminttest.Fault{crossminttest.Status(500, "", "")}, want: outcome{Summary: "200 renewed", Refreshes: 2}},
		{name: "502, 503 and 504", faults: []crossminttest.Fault{crossminttest.Status(502, "", ""), crossminttest.Status(503, "", ""), crossminttest.Status(504, "", "")},
			want: outcome{Summary: "200 renewed", Refreshes: 4}},
		{name: "429 that asks for two seconds", faults: []crossminttest.Fault{crossminttest.Status(429, "", "").With("Retry-After", "2")}, want: outcome{Summary: "200 renewed", Refreshes: 2}, minTime: 2 * time.Second},
		{name: "429 that asks for more than the budget", faults: []crossminttest.Fault{crossminttest.Status(429, "", "").With("Retry-After", "30")}, want: outcome{Summary: "503 kept retry 30", Refreshes: 1}},
		{name: "500, then a rejection", faults: []crossminttest.Fault{crossminttest.Status(500, "", ""), crossminttest.Status(401, "", "{}")}, want: outcome{Summary: "307 kept marked", Refreshes: 2}},
		{name: "403 is final", faults: []crossminttest.Fault{crossminttest.Status(403, "", "{}")}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
		{name: "408 is final", faults: []crossminttest.Fault{crossminttest.Status(408, "", "{}")}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
		{name: "a malformed response is final", faults: []crossminttest.Fault{crossminttest.Status(200, "", "{}")}, want: outcome{Summary: "503 kept retry 1", Refreshes: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newTestEnv(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				testkit.NoError(t, env.Client.Preload(t.Context()))
				env.Fake.Fail(crossminttest.Refresh, test.faults...)
				jwt, refresh := env.expiredTokens()
				started := time.Now()
				if diff := cmp.Diff(test.want, env.outcome(t, post("/refresh", "{}", jwt, refresh))); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if took := time.Since(started); took < test.minTime || took > budget {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestRefreshDuringOutage lets upstream fail permanently. Crossmint's browser client
// logs out on every status but 200, so a JWT that is still valid gets 200.
func TestRefreshDuringOutage(t *testing.T) {
	const unavailable = `{"error":"Service Unavailable","message":"Please try again later"}` + "\n"
	outages := map[string]func(env *testEnv){
		"503": func(env *testEnv) {
			env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Status(503, "text/html", "<html>"))
		},
		"no response":        func(env *testEnv) { env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang()) },
		"connection refused": func(env *testEnv) { env.Fake.Down() },
	}
	tests := []struct {
		name   string
		config session.Config
		jwtAge time.Duration // a JWT expires after an hour
		body   string
		want   [2]string // summary and body
	}{
		{name: "valid JWT", jwtAge: 30 * time.Minute, body: "{}", want: [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{name: "valid JWT, refresh token of its session in the body", jwtAge: 30 * time.Minute, body: refreshBody("REFRESH"), want: [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{name: "valid JWT, another refresh token in the body", jwtAge: 30 * time.Minute, body: refreshBody("other"), want: [2]string{"503 kept retry 1", unavailable}},
		{name: "JWT expires during the retries", jwtAge: time.Hour - 4*time.Second, body: "{}", want: [2]string{"503 kept retry 1", unavailable}},
		{name: "expired JWT", jwtAge: 61 * time.Minute, body: "{}", want: [2]string{"503 kept retry 1", unavailable}},
		{name: "expired JWT, within StaleFor", config: session.Config{StaleFor: time.Hour}, jwtAge: 61 * time.Minute, body: "{}", want: [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"},"stale":true}` + "\n"}},
		{name: "valid JWT, with StaleFor", config: session.Config{StaleFor: time.Hour}, jwtAge: 30 * time.Minute, body: "{}", want: [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{name: "expired JWT, beyond StaleFor", config: session.Config{StaleFor: time.Hour}, jwtAge: 2*time.Hour + time.Minute, body: "{}", want: [2]string{"503 kept retry 1", unavailable}},
	}
	for outage, start := range outages {
		for _, test := range tests {
			if test.jwtAge == time.Hour-4*time.Second && outage == "connection refused" {
				continue // Refresh does not wait there
			}
			t.Run(outage+", "+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					env := newTestEnv(t, crossminttest.Config{InMemory: true}, test.config, handlers.Config{})
					testkit.NoError(t, env.Client.Preload(t.Context()))
					jwt, refresh := env.validTokens()
					time.Sleep(test.jwtAge)
					start(env)
					tokens := strings.NewReplacer("JWT", jwt, "REFRESH", refresh, "ID", subject(t, jwt))
					started := time.Now()
					res, body := env.serve(t, post("/refresh", tokens.Replace(test.body), jwt, refresh))
					want := [2]string{test.want[0], tokens.Replace(test.want[1])}
					if diff := cmp.Diff(want, [2]string{testkit.ResponseOutcome(t, res), body}); diff != "" {
						t.Errorf("response (-want +got):\n%s", diff)
					}
					if took := time.Since(started); took > budget {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

// TestRefreshBudget lets upstream respond after the budget. The shared call goes on,
// and the next request gets its result.
func TestRefreshBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newTestEnv(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{}, handlers.Config{})
		testkit.NoError(t, env.Client.Preload(t.Context()))
		env.Fake.SetLatency(crossminttest.Refresh, 9*time.Second)
		jwt, refresh := env.expiredTokens()
		started := time.Now()
		first := env.outcome(t, post("/refresh", "{}", jwt, refresh))
		if diff := cmp.Diff([]any{outcome{Summary: "503 kept retry 1", Refreshes: 1}, budget}, []any{first, time.Since(started)}); diff != "" {
			t.Errorf("outcome and time (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Second) // until upstream has responded
		if diff := cmp.Diff(outcome{Summary: "200 renewed"}, env.outcome(t, post("/refresh", "{}", jwt, refresh))); diff != "" {
			t.Errorf("next request (-want +got):\n%s", diff)
		}
	})
}
