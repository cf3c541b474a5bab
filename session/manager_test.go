package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session/event"
)

func TestNewManager(t *testing.T) {
	_, err := session.NewManager(session.Config{Grace: time.Hour, RefreshTimeout: -1, StaleFor: 1000 * time.Hour})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, fault := range []string{"Upstream", "Grace", "RefreshTimeout", "StaleFor"} {
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("%s is not named: %v", fault, err)
		}
	}
}

func TestHealth(t *testing.T) {
	run(t, "is the state of the manager", testkit.Config{}, func(t *testing.T, k *kit) {
		if h := k.Health(); h != (session.Health{RefreshTimeout: 10 * second, RefreshBudget: 8 * second}) {
			t.Errorf("at first: %+v", h)
		}
		k.Fake.SetLatency(crossminttest.Refresh, second)
		go func() { _, _ = k.authenticate(k.Expired("ann@example.com")) }()
		time.Sleep(second / 2)
		if h := k.Health(); h.RefreshesInFlight != 1 || h.Waiting != 1 || h.KeysFetchedAt.IsZero() {
			t.Errorf("meanwhile: %+v", h)
		}
		time.Sleep(second)
		if h := k.Health(); h.RefreshesInFlight != 0 || time.Since(h.LastRefresh) > second {
			t.Errorf("afterwards: %+v", h)
		}
	})
}

func TestEvents(t *testing.T) {
	run(t, "a session that could not be stored", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.authenticate(k.Expired("ann@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		result.Renewed.Delivered(t.Context(), &session.UpstreamError{Kind: session.ErrMalformed})
		ctx := result.NewContext(t.Context(), session.ErrUnavailable)
		if _, ok := session.FromContext(ctx); ok || !errors.Is(session.ErrorFromContext(ctx), session.ErrUnavailable) {
			t.Errorf("a session: %v; error: %v", ok, session.ErrorFromContext(ctx))
		}
		if diff := cmp.Diff([]event.Outcome{event.Refreshed, event.Unavailable}, k.Outcomes()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if e := k.All()[1]; e.Op != "store" || e.UserID != result.Session.UserID {
			t.Errorf("event = %+v", e)
		}
	})
	run(t, "Allowed is reported with ReportAllowed", testkit.Config{Session: session.Config{ReportAllowed: true}}, func(t *testing.T, k *kit) {
		_, _ = k.authenticate(k.SignIn("ann@example.com"))
		if !k.Has(event.Allowed) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "Allowed is not reported without it", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		_, _ = k.authenticate(m)
		_, _ = k.authenticate(several(m, forged("1")))
		if got := k.Outcomes(); len(got) != 0 {
			t.Errorf("events = %v", got)
		}
	})
	run(t, "a token has the same fingerprint in all of them", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		_, _ = k.authenticate(m)
		_ = k.Logout(t.Context(), m, none)
		events := k.All()
		for _, e := range events {
			if e.Token != events[0].Token || len(e.Token) != 8 {
				t.Errorf("%s: fingerprint %q, want %q", e.Outcome, e.Token, events[0].Token)
			}
		}
	})
}

// logOf returns the log of a manager with the default hook.
func logOf(t *testing.T, level slog.Level, use func(t *testing.T, k *kit)) string {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		k := testkit.New(t, testkit.Config{Fake: crossminttest.Config{InMemory: true}})
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
		manager, err := session.NewManager(session.Config{Upstream: k.Client, Logger: logger})
		testkit.NoError(t, err)
		t.Cleanup(func() { _ = manager.Close(context.Background()) })
		use(t, &kit{manager, k, t})
	})
	return log.String()
}

func TestDefaultLog(t *testing.T) {
	t.Run("tells why a request was rejected", func(t *testing.T) {
		log := logOf(t, slog.LevelInfo, func(t *testing.T, k *kit) {
			user := k.Fake.NewUser("ann@example.com")
			_, _ = k.authenticate(jwtOnly(k.Fake.ForgedJWT(user)))
		})
		if !strings.Contains(log, "outcome=rejected") || !strings.Contains(log, "JWT invalid") || !strings.Contains(log, "signature") {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("has no line for requests without tokens", func(t *testing.T) {
		log := logOf(t, slog.LevelInfo, func(t *testing.T, k *kit) { _, _ = k.authenticate(session.Material{}) })
		if log != "" {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("has one line in ten seconds for an outage, with a count", func(t *testing.T) {
		log := logOf(t, slog.LevelInfo, func(t *testing.T, k *kit) {
			k.Fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
			for i := range 100 {
				_, _ = k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
				time.Sleep(150 * time.Millisecond)
			}
		})
		if lines := strings.Count(log, "\n"); lines != 2 || !strings.Contains(log, "repeated=66") {
			t.Errorf("%d lines: %s", lines, log)
		}
	})
	t.Run("has a line for each reason", func(t *testing.T) {
		log := logOf(t, slog.LevelInfo, func(t *testing.T, k *kit) {
			for i, status := range []int{502, 503, 502, 503} {
				k.Fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "", ""))
				_, _ = k.authenticate(k.Expired(fmt.Sprintf("user%d@example.com", i)))
			}
		})
		if strings.Count(log, "\n") != 2 || !strings.Contains(log, "upstream_status=502") || !strings.Contains(log, "upstream_status=503") {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("quotes strings that came from outside", func(t *testing.T) {
		log := logOf(t, slog.LevelDebug, func(t *testing.T, k *kit) {
			user := k.Fake.NewUser("ann@example.com")
			evil := "x\n\x1b[31mlevel=ERROR msg=injected\u2028"
			for _, jwt := range []string{
				k.Fake.Sign(user, map[string]any{"kid": evil}, nil),
				k.Fake.Sign(user, nil, map[string]any{"aud": evil}),
			} {
				_, _ = k.authenticate(session.Material{JWT: session.NewSecret(jwt), RefreshToken: session.NewSecret(evil)})
				_, _ = k.authenticate(jwtOnly(jwt))
			}
		})
		for line := range strings.Lines(log) {
			if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\u2028") {
				t.Errorf("line = %q", line)
			}
		}
	})
	t.Run("holds no secret, also at debug level", func(t *testing.T) {
		log := logOf(t, slog.LevelDebug, func(t *testing.T, k *kit) {
			secret := session.NewSecret(canary)
			for _, fault := range []crossminttest.Fault{{}, testkit.BadGateway(), testkit.RejectedByUpstream(),
				crossminttest.Status(401, "application/json", `{"message":"`+canary+`"}`),
				crossminttest.Replace(func([]byte) []byte { return []byte(`{"jwt":"` + canary + `"}`) })} {
				k.Fake.Fail(crossminttest.Refresh, fault)
				_, _ = k.authenticate(session.Material{JWT: secret, RefreshToken: session.NewSecret(canary + fmt.Sprint(fault))})
				_ = k.Logout(t.Context(), session.Material{JWT: secret, RefreshToken: secret}, secret)
			}
		})
		if strings.Contains(log, canary) || log == "" {
			t.Errorf("log = %s", log)
		}
	})
	t.Run("is not filled by forged logouts", func(t *testing.T) {
		log := logOf(t, slog.LevelInfo, func(t *testing.T, k *kit) {
			for range 200 {
				_ = k.Logout(t.Context(), forged("token"), none)
			}
		})
		if lines := strings.Count(log, "\n"); lines != 1 {
			t.Errorf("%d lines, want 1:\n%.300s", lines, log)
		}
	})
}
