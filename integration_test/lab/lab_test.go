package lab_test

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"net/url"
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
	requests = flag.Int("lab.requests", 15_000, "requests per run")
	users    = flag.Int("lab.users", 200, "users per run")
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
		cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), Former: former})
		if err != nil {
			return nil, nil, err
		}
		sessions, err := session.NewManager(session.Config{Upstream: client, StaleFor: staleFor, Logger: config.Logger})
		if err != nil {
			return nil, nil, err
		}
		page := &url.URL{Path: "/signin"}
		forms := handlers.NewSignIn(client, sessions, cookies, handlers.SignInConfig{EmailPage: page, CodePage: page})
		mux := http.NewServeMux()
		mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
		mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
		mux.HandleFunc("/signin/code", forms.SendCode)
		mux.HandleFunc("/signin/confirm", forms.ConfirmCode)
		require := middleware.RequireSession(sessions, cookies, middleware.Config{})
		return &kitSite{mux, require, cookies}, func() { _ = sessions.Close(context.Background()); client.Close() }, nil
	}
}

// kitSite is a lab.Site.
type kitSite struct {
	http.Handler
	require func(http.Handler) http.Handler
	cookies *cookie.Codec
}

func (s *kitSite) Require(next http.Handler) http.Handler { return s.require(next) }

func (s *kitSite) UserID(r *http.Request) string {
	user, _ := session.FromContext(r.Context())
	return user.UserID
}

func (s *kitSite) Forward(out *http.Request) { s.cookies.Forward(out) }

// former are the attributes of an earlier release.
var former = []cookie.Config{
	{Path: lab.FormerPath},
	{Domain: lab.FormerDomain},
	{Names: cookie.Names{JWT: lab.FormerPrefix + "-session", RefreshToken: lab.FormerPrefix + "-refresh-token"}},
}

// run runs a subject with a third of upstream's calls failing.
func run(t *testing.T, grace time.Duration, subject lab.Subject) (report lab.Report) {
	t.Helper()
	started := time.Now()
	synctest.Test(t, func(t *testing.T) {
		var err error
		report, err = lab.Run(lab.Config{Seed: *seed, Users: *users, Requests: *requests, Faults: 0.3, Grace: grace, Life: true, RevokeFamily: true}, subject)
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
	crimes := []struct {
		name  string
		count int
	}{
		{name: "wrongful logouts", count: r.WrongfulLogouts},
		{name: "wrongful entries", count: r.WrongfulEntries},
		{name: "mixed up", count: r.MixedUp},
		{name: "revived", count: r.Revived},
		{name: "lost on the way", count: r.LostOnTheWay},
		{name: "turned away with a live token", count: r.TurnedAway},
		{name: "pages with cookies that caches may store", count: r.Cacheable},
		{name: "tokens sent to another project", count: r.Leaked},
		{name: "redirect loops", count: r.RedirectLoops},
	}
	for _, crime := range crimes {
		if crime.count != 0 {
			t.Errorf("%d × %s", crime.count, crime.name)
		}
	}
	if r.Events["asked again"] == 0 || r.RightfulLogouts == 0 {
		t.Error("no refusal was a first one, or none a second one")
	}
	if r.ForeignRefused > 50 && r.ForeignHealed == 0 {
		t.Error("no session was served again after a response with another project's JWT")
	}
}

func TestNoWrongfulLogout(t *testing.T) {
	report := run(t, 30*time.Second, kit(0))
	wantNoFault(t, report)
}

func TestNoWrongfulLogoutWithStaleFor(t *testing.T) {
	report := run(t, 30*time.Second, kit(15*time.Minute))
	wantNoFault(t, report)
}

// Where upstream forgives nothing, a response that is lost on the wire ends its
// session, and nothing else does.
func TestUpstreamWithoutGrace(t *testing.T) {
	report := run(t, 0, kit(0))
	wantNoFault(t, report)
	if report.LostOnTheWire > report.Eaten {
		t.Errorf("%d sessions lost by %d lost responses", report.LostOnTheWire, report.Eaten)
	}
}

// The oracle bites: it catches the obvious implementation in every crime that
// such an implementation commits.
func TestNaiveImplementation(t *testing.T) {
	report := run(t, 0, naive)
	crimes := []struct {
		name  string
		count int
	}{
		{name: "wrongful logouts", count: report.WrongfulLogouts},
		{name: "mixed up", count: report.MixedUp},
		{name: "revived", count: report.Revived},
		{name: "lost on the way", count: report.LostOnTheWay},
		{name: "pages with cookies that caches may store", count: report.Cacheable},
		{name: "tokens sent to another project", count: report.Leaked},
	}
	for _, crime := range crimes {
		if crime.count == 0 {
			t.Errorf("the naive implementation is not caught: %s", crime.name)
		}
	}
}
