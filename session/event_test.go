package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// logged runs a manager with the default hook and returns what it logs.
func logged(t *testing.T, level slog.Level, use func(t *testing.T, w *world)) string {
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, crossminttest.Config{}, session.Config{})
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		manager, err := session.NewManager(session.Config{Upstream: w.client, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		w.Manager = manager
		t.Cleanup(func() { _ = manager.Close(context.Background()) })
		use(t, w)
	})
	return log.String()
}

func TestDefaultLog(t *testing.T) {
	t.Run("says why a request was rejected", func(t *testing.T) {
		log := logged(t, slog.LevelInfo, func(t *testing.T, w *world) {
			user := w.fake.NewUser("ann@example.com")
			_, _ = w.authenticate(session.NewMaterial(w.fake.ForeignJWT(user), ""))
		})
		if !strings.Contains(log, "outcome=rejected") || !strings.Contains(log, "expected") || !strings.Contains(log, "aud is") {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("is silent about visitors", func(t *testing.T) {
		log := logged(t, slog.LevelInfo, func(t *testing.T, w *world) { _, _ = w.authenticate(session.Material{}) })
		if log != "" {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("an outage is one line in ten seconds, with a count", func(t *testing.T) {
		log := logged(t, slog.LevelInfo, func(t *testing.T, w *world) {
			w.fake.FailAlways(crossminttest.Refresh, down())
			for i := range 100 {
				_, _ = w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
				time.Sleep(150 * time.Millisecond)
			}
		})
		if lines := strings.Count(log, "\n"); lines != 2 || !strings.Contains(log, "repeated=66") {
			t.Errorf("%d lines: %s", lines, log)
		}
	})
	t.Run("each reason has its line", func(t *testing.T) {
		log := logged(t, slog.LevelInfo, func(t *testing.T, w *world) {
			for i, status := range []int{502, 503, 502, 503} {
				w.fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "", ""))
				_, _ = w.authenticate(w.expired(fmt.Sprintf("user%d@example.com", i)))
			}
		})
		if strings.Count(log, "\n") != 2 || !strings.Contains(log, "upstream_status=502") || !strings.Contains(log, "upstream_status=503") {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("text from outside stays on its line", func(t *testing.T) {
		log := logged(t, slog.LevelDebug, func(t *testing.T, w *world) {
			user := w.fake.NewUser("ann@example.com")
			evil := "x\n\x1b[31mlevel=ERROR msg=injected\u2028"
			for _, jwt := range []string{
				w.fake.Sign(user, map[string]any{"kid": evil}, nil),
				w.fake.Sign(user, nil, map[string]any{"aud": evil}),
			} {
				_, _ = w.authenticate(session.NewMaterial(jwt, evil))
				_, _ = w.authenticate(session.NewMaterial(jwt, ""))
			}
		})
		for line := range strings.Lines(log) {
			if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\u2028") {
				t.Errorf("line = %q", line)
			}
		}
	})
	t.Run("no secret at debug level", func(t *testing.T) {
		log := logged(t, slog.LevelDebug, func(t *testing.T, w *world) {
			for _, fault := range []crossminttest.Fault{{}, down(), refusing(),
				crossminttest.Status(401, "application/json", `{"message":"`+canary+`"}`),
				crossminttest.Replace(func([]byte) []byte { return []byte(`{"jwt":"` + canary + `"}`) })} {
				w.fake.Fail(crossminttest.Refresh, fault)
				_, _ = w.authenticate(session.NewMaterial(canary, canary+fmt.Sprint(fault)))
				_ = w.Logout(t.Context(), session.NewMaterial(canary, canary), session.NewSecret(canary))
			}
		})
		if strings.Contains(log, canary) || log == "" {
			t.Errorf("log = %s", log)
		}
	})
}

func TestEvents(t *testing.T) {
	in(t, "a panic in the hook harms nobody", crossminttest.Config{}, session.Config{Logger: slog.New(slog.DiscardHandler)}, func(t *testing.T, w *world) {
		manager, err := session.NewManager(session.Config{Upstream: w.client, Logger: slog.New(slog.DiscardHandler),
			OnEvent: func(context.Context, session.Event) { panic("hook") }})
		if err != nil {
			t.Fatal(err)
		}
		defer manager.Close(t.Context())
		result, err := manager.Authenticate(t.Context(), w.expired("ann@example.com"))
		if err != nil || result.Renewed == nil {
			t.Errorf("%+v, %v", result, err)
		}
	})
	in(t, "a session that could not be stored", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		result, err := w.authenticate(w.expired("ann@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		ctx := result.Failed(t.Context(), session.ErrUnavailable).NewContext(t.Context())
		if _, ok := session.FromContext(ctx); ok || !slices.Equal(w.outcomes(), []session.Outcome{session.Refreshed, session.Undecided}) {
			t.Errorf("a session: %v; events = %v", ok, w.outcomes())
		}
	})
	in(t, "Allowed is reported on demand only", crossminttest.Config{}, session.Config{ReportAllowed: true}, func(t *testing.T, w *world) {
		_, _ = w.authenticate(w.signIn("ann@example.com"))
		if !w.reported(session.Allowed) {
			t.Errorf("events = %v", w.outcomes())
		}
	})
	in(t, "a token has the same name in all of them", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		m := w.expired("ann@example.com")
		_, _ = w.authenticate(m)
		_ = w.Logout(t.Context(), m, session.Secret{})
		names := map[string]bool{}
		for _, e := range w.events {
			names[e.Token] = len(e.Token) == 8
		}
		for name, plausible := range names {
			if !plausible {
				t.Errorf("names = %v (%s)", names, name)
			}
		}
	})
}

func TestHealth(t *testing.T) {
	in(t, "tells what the manager does", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		if h := w.Health(); h != (session.Health{}) {
			t.Errorf("at first: %+v", h)
		}
		w.fake.SetLatency(crossminttest.Refresh, second)
		go func() { _, _ = w.authenticate(w.expired("ann@example.com")) }()
		time.Sleep(second / 2)
		if h := w.Health(); h.RefreshesInFlight != 1 || h.Waiting != 1 || h.KeysFetchedAt.IsZero() {
			t.Errorf("meanwhile: %+v", h)
		}
		time.Sleep(second)
		if h := w.Health(); h.RefreshesInFlight != 0 || time.Since(h.LastRefresh) > second {
			t.Errorf("afterwards: %+v", h)
		}
	})
}

func TestNewManager(t *testing.T) {
	_, err := session.NewManager(session.Config{Grace: time.Hour, Patience: -1, StaleFor: 1000 * time.Hour})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, fault := range []string{"Upstream", "Grace", "Patience", "StaleFor"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not named: %v", fault, err)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := map[string]struct {
		err         error
		refused, na bool
	}{
		"refused":     {&session.UpstreamError{Kind: session.Refused}, true, false},
		"unavailable": {&session.UpstreamError{}, false, true},
		"malformed":   {&session.UpstreamError{Kind: session.Malformed}, false, true},
		"rejected":    {&session.AuthenticationError{Err: session.ErrJWTExpired}, false, false},
	}
	for name, test := range tests {
		if errors.Is(test.err, session.ErrRefused) != test.refused || errors.Is(test.err, session.ErrUnavailable) != test.na {
			t.Errorf("%s is taken for something else", name)
		}
	}
	if d := session.RetryAfter(&session.UpstreamError{RetryAfter: 7 * second}); d != 7*second {
		t.Errorf("RetryAfter = %v", d)
	}
}
