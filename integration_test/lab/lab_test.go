package lab_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/integration_test/lab"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	requests = flag.Int("lab.requests", 20_000, "requests per run")
	users    = flag.Int("lab.users", 200, "users per run")
	seed     = flag.Uint64("lab.seed", 1, "seed of the run")
)

// kit returns this module as the subject.
func kit(staleFor time.Duration) lab.Subject {
	return func(config crossmint.Config) (http.Handler, func(), error) {
		config.Logger = slog.New(slog.DiscardHandler)
		client, err := crossmint.NewClient(config)
		if err != nil {
			return nil, nil, err
		}
		cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
		if err != nil {
			return nil, nil, err
		}
		sessions, err := session.NewManager(session.Config{Upstream: client, StaleFor: staleFor, Logger: config.Logger})
		if err != nil {
			return nil, nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
		mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
		mux.Handle("/me", middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(me)))
		return mux, func() { _ = sessions.Close(context.Background()); client.Close() }, nil
	}
}

func me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, s.UserID)
}

// run runs a subject while 30 % of the calls of upstream fail.
func run(t *testing.T, grace time.Duration, subject lab.Subject) (report lab.Report) {
	t.Helper()
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		var err error
		report, err = lab.Run(lab.Config{Seed: *seed, Users: *users, Requests: *requests, Faults: 0.3, Grace: grace}, subject)
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%s  in %v of real time", report, time.Since(started).Round(time.Second))
	if len(report.Unused) > 0 {
		t.Errorf("no refresh had these faults: %q", report.Unused)
	}
	return report
}

func checkNoFaults(t *testing.T, r lab.Report) {
	t.Helper()
	if r.WrongfulLogouts != 0 || r.WrongUsers != 0 || r.RejectedLive != 0 {
		t.Errorf("%d wrongful logouts, %d wrong users, %d times 401 with a live token", r.WrongfulLogouts, r.WrongUsers, r.RejectedLive)
	}
}

func TestNoWrongfulLogout(t *testing.T) {
	report := run(t, 30*time.Second, kit(0))
	checkNoFaults(t, report)
}

func TestNoWrongfulLogoutWithStaleFor(t *testing.T) {
	report := run(t, 30*time.Second, kit(15*time.Minute))
	checkNoFaults(t, report)
}

// TestUpstreamWithoutGrace runs an upstream that accepts no used tokens. A session
// ends when the response with its new token is lost, and for no other reason.
func TestUpstreamWithoutGrace(t *testing.T) {
	report := run(t, 0, kit(0))
	checkNoFaults(t, report)
	if report.LostTokens > report.TokensLost {
		t.Errorf("%d sessions lost by %d lost responses", report.LostTokens, report.TokensLost)
	}
}

// TestNaiveImplementation checks that the oracle finds faults.
func TestNaiveImplementation(t *testing.T) {
	report := run(t, 30*time.Second, naive)
	if report.WrongfulLogouts == 0 {
		t.Error("the oracle found no wrongful logout of the naive implementation")
	}
}
