package handlers_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const budget = 8 * time.Second

func TestRefreshTriesAgain(t *testing.T) {
	tests := []struct {
		name   string
		faults []crossminttest.Fault
		want   outcome
		least  time.Duration
	}{
		{"500 once", []crossminttest.Fault{crossminttest.Status(500, "", "")}, outcome{"200 renewed", 2, 0}, 0},
		{"502, 503 and 504", []crossminttest.Fault{crossminttest.Status(502, "", ""), crossminttest.Status(503, "", ""), crossminttest.Status(504, "", "")},
			outcome{"200 renewed", 4, 0}, 0},
		{"429 that asks for two seconds", []crossminttest.Fault{crossminttest.Status(429, "", "").With("Retry-After", "2")}, outcome{"200 renewed", 2, 0}, 2 * time.Second},
		{"429 that asks for more than the budget", []crossminttest.Fault{crossminttest.Status(429, "", "").With("Retry-After", "30")}, outcome{"503 kept retry 30", 1, 0}, 0},
		{"500, then a refusal", []crossminttest.Fault{crossminttest.Status(500, "", ""), crossminttest.Status(401, "", "{}")}, outcome{"401 cleared", 2, 0}, 0},
		{"403 is final", []crossminttest.Fault{crossminttest.Status(403, "", "{}")}, outcome{"503 kept retry 1", 1, 0}, 0},
		{"408 is final", []crossminttest.Fault{crossminttest.Status(408, "", "{}")}, outcome{"503 kept retry 1", 1, 0}, 0},
		{"a malformed answer is final", []crossminttest.Fault{crossminttest.Status(200, "", "{}")}, outcome{"503 kept retry 1", 1, 0}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{}, handlers.Config{})
				must(t, k.client.Preload(t.Context()))
				k.fake.Fail(crossminttest.Refresh, test.faults...)
				jwt, refresh := k.expired()
				started := time.Now()
				if diff := cmp.Diff(test.want, k.outcome(t, post("/refresh", "{}", jwt, refresh))); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
				if took := time.Since(started); took < test.least || took > budget {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// TestRefreshInAnOutage has upstream out of order for good. The page logs
// itself out on anything but 200: what still holds is therefore an answer.
func TestRefreshInAnOutage(t *testing.T) {
	const unavailable = `{"error":"Service Unavailable","message":"Please try again later"}` + "\n"
	outages := map[string]func(k *kit){
		"503": func(k *kit) {
			k.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(503, "text/html", "<html>"))
		},
		"silence": func(k *kit) { k.fake.FailAlways(crossminttest.Refresh, crossminttest.Hang()) },
		"refused": func(k *kit) { k.fake.Down() },
	}
	tests := []struct {
		name   string
		config session.Config
		age    time.Duration // of the JWT, which lives for an hour
		body   string
		want   [2]string // verdict and body
	}{
		{"the JWT holds", session.Config{}, 30 * time.Minute, "{}", [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{"the JWT holds, its own token in the body", session.Config{}, 30 * time.Minute, member("REFRESH"), [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{"another token in the body", session.Config{}, 30 * time.Minute, member("other"), [2]string{"503 kept retry 1", unavailable}},
		{"the JWT ends while we try", session.Config{}, time.Hour - 4*time.Second, "{}", [2]string{"503 kept retry 1", unavailable}},
		{"the JWT has ended", session.Config{}, 61 * time.Minute, "{}", [2]string{"503 kept retry 1", unavailable}},
		{"the JWT has ended, and that will do", session.Config{StaleFor: time.Hour}, 61 * time.Minute, "{}", [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"},"stale":true}` + "\n"}},
		{"the JWT holds, where an ended one would do", session.Config{StaleFor: time.Hour}, 30 * time.Minute, "{}", [2]string{"200 kept", `{"jwt":"JWT","user":{"id":"ID"}}` + "\n"}},
		{"the JWT ended too long ago", session.Config{StaleFor: time.Hour}, 2*time.Hour + time.Minute, "{}", [2]string{"503 kept retry 1", unavailable}},
	}
	for outage, begin := range outages {
		for _, test := range tests {
			if test.age == time.Hour-4*time.Second && outage == "refused" {
				continue // nothing is waited for there
			}
			t.Run(outage+", "+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					k := newKit(t, crossminttest.Config{InMemory: true}, test.config, handlers.Config{})
					must(t, k.client.Preload(t.Context()))
					jwt, refresh := k.valid()
					time.Sleep(test.age)
					begin(k)
					tokens := strings.NewReplacer("JWT", jwt, "REFRESH", refresh, "ID", subject(t, jwt))
					started := time.Now()
					res, body := k.serve(t, post("/refresh", tokens.Replace(test.body), jwt, refresh))
					want := [2]string{test.want[0], tokens.Replace(test.want[1])}
					if diff := cmp.Diff(want, [2]string{verdict(t, res), body}); diff != "" {
						t.Errorf("answer (-want +got):\n%s", diff)
					}
					if took := time.Since(started); took > budget {
						t.Errorf("it took %v", took)
					}
				})
			})
		}
	}
}

func TestAnswerInTimeThoughUpstreamIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, crossminttest.Config{InMemory: true, Reuse: crossminttest.ReuseRefuse}, session.Config{}, handlers.Config{})
		must(t, k.client.Preload(t.Context()))
		k.fake.SetLatency(crossminttest.Refresh, 9*time.Second)
		jwt, refresh := k.expired()
		started := time.Now()
		first := k.outcome(t, post("/refresh", "{}", jwt, refresh))
		if diff := cmp.Diff([]any{outcome{"503 kept retry 1", 1, 0}, budget}, []any{first, time.Since(started)}); diff != "" {
			t.Errorf("outcome and time (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Second) // the refresh goes on, and its result is remembered
		if diff := cmp.Diff(outcome{"200 renewed", 0, 0}, k.outcome(t, post("/refresh", "{}", jwt, refresh))); diff != "" {
			t.Errorf("the next one (-want +got):\n%s", diff)
		}
	})
}
