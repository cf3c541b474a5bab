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
	requests = flag.Int("lab.requests", 3_000, "requests per run")
	users    = flag.Int("lab.users", 60, "users per run")
	seed     = flag.Uint64("lab.seed", 1, "what to repeat")
)

// kit is this module as the subject.
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

// run runs a subject with a third of upstream's calls failing.
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
	if len(report.Unstruck) > 0 {
		t.Errorf("these faults struck no refresh: %q", report.Unstruck)
	}
	return report
}

func wantNoFault(t *testing.T, r lab.Report) {
	t.Helper()
	if r.WrongfulLogouts != 0 || r.WrongfulEntries != 0 || r.TurnedAway != 0 {
		t.Errorf("%d wrongful logouts, %d wrongful entries, %d turned away with a live token", r.WrongfulLogouts, r.WrongfulEntries, r.TurnedAway)
	}
}

func TestNobodyIsLoggedOut(t *testing.T) {
	report := run(t, 30*time.Second, kit(0))
	wantNoFault(t, report)
}

func TestNobodyIsLoggedOutWithStaleFor(t *testing.T) {
	report := run(t, 30*time.Second, kit(15*time.Minute))
	wantNoFault(t, report)
}

// Where upstream forgives nothing, an answer that is lost on the wire takes
// its session with it, and nothing else does.
func TestUpstreamWithoutGrace(t *testing.T) {
	report := run(t, 0, kit(0))
	wantNoFault(t, report)
	if report.LostOnTheWire > report.Eaten {
		t.Errorf("%d sessions lost by %d lost answers", report.LostOnTheWire, report.Eaten)
	}
}

// The oracle bites: what does the obvious is caught.
func TestNaiveImplementation(t *testing.T) {
	report := run(t, 30*time.Second, naive)
	if report.WrongfulLogouts == 0 {
		t.Error("the naive implementation logged nobody out: the oracle is blind")
	}
}
