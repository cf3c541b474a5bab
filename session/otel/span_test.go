package otelsession_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

func wantTree(t *testing.T, w *world, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), w.tree()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestRefreshIsPartOfItsRequest(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		must(t, w.visit(t.Context(), w.expired("ann@example.com")))
		wantTree(t, w, `
GET /me
  crossmint refresh ok
    POST /session/sdk/auth/refresh 200
  session authenticate refreshed false
`)
	})
}

func TestSpanTakesAsLongAsTheRequestWaited(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		must(t, w.visit(t.Context(), w.expired("ann@example.com")))
		for _, s := range w.spans.Ended() {
			if got := s.EndTime().Sub(s.StartTime()); got != second {
				t.Errorf("%s took %v in the bubble, want %v", s.Name(), got, second)
			}
		}
	})
}

func TestRefreshBehindCloseOfTheBrowser(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		w.fake.SetLatency(crossminttest.Refresh, 2*second)
		ctx, cancel := context.WithTimeout(t.Context(), second)
		defer cancel()
		if err := w.visit(ctx, w.expired("ann@example.com")); err == nil {
			t.Error("the request got a session")
		}
		must(t, w.Close(context.Background())) // waits for the refresh
		wantTree(t, w, `
GET /me
  session authenticate unavailable false timed_out ERROR
  crossmint refresh ok
    POST /session/sdk/auth/refresh 200
`)
	})
}

// Fifty requests share a refresh. The call is in the trace of the request that
// started it.
func TestSharedRefreshIsOneSpan(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		grant := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := w.visit(t.Context(), material(grant)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		got := map[string]int{}
		for _, text := range strings.Split(strings.TrimSuffix(w.tree(), "\n"), "\n") {
			got[text]++
		}
		want := map[string]int{
			"GET /me":                                50,
			"  session authenticate refreshed true":  49,
			"  session authenticate refreshed false": 1,
			"  crossmint refresh ok":                 1,
			"    POST /session/sdk/auth/refresh 200": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
		call, own := only(t, w, "crossmint refresh"), only(t, w, "session authenticate", attribute.Bool("crossmint.shared", false))
		if call.Parent().SpanID() != own.Parent().SpanID() {
			t.Error("the call is not in the request that started it")
		}
	})
}

// only returns the one span with the name, and with the attribute if there is
// one.
func only(t *testing.T, w *world, name string, with ...attribute.KeyValue) (found sdktrace.ReadOnlySpan) {
	t.Helper()
	for _, s := range w.spans.Ended() {
		all := attribute.NewSet(s.Attributes()...)
		if s.Name() != name || len(with) > 0 && !has(all, with[0]) {
			continue
		}
		if found != nil {
			t.Fatalf("several spans %q", name)
		}
		found = s
	}
	if found == nil {
		t.Fatalf("no span %q", name)
	}
	return found
}

func has(all attribute.Set, one attribute.KeyValue) bool {
	value, ok := all.Value(one.Key)
	return ok && value == one.Value
}

func TestSecondTryIsASpanOfItsOwn(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		w.fake.Fail(crossminttest.Refresh, crossminttest.Truncate())
		must(t, w.visit(t.Context(), w.expired("ann@example.com")))
		wantTree(t, w, `
GET /me
  crossmint refresh incomplete incomplete ERROR
    POST /session/sdk/auth/refresh 200
  crossmint refresh ok
    POST /session/sdk/auth/refresh 200
  session authenticate refreshed false
`)
	})
}

func TestFailuresAreNamed(t *testing.T) {
	tests := map[string]struct {
		fault crossminttest.Fault
		want  string
	}{
		"refused": {refusing(), `
GET /me
  crossmint refresh refused 401
    POST /session/sdk/auth/refresh 401 401 ERROR
  session authenticate asked_again false 4xx 401
`},
		"gateway": {crossminttest.Status(502, "text/html", "<p>bad"), `
GET /me
  crossmint refresh unavailable 502 unavailable ERROR
    POST /session/sdk/auth/refresh 502 502 ERROR
  session authenticate unavailable false 5xx 502 unavailable ERROR
`},
		"malformed response": {crossminttest.Edit(func(a map[string]any) { a["refresh"] = 7 }), `
GET /me
  crossmint refresh malformed 200 malformed ERROR
    POST /session/sdk/auth/refresh 200
  session authenticate unavailable false 2xx 200 malformed ERROR
`},
		"malformed JWT": {crossminttest.Edit(func(a map[string]any) { a["jwt"] = 7 }), `
GET /me
  crossmint refresh ok
    POST /session/sdk/auth/refresh 200
  session authenticate unavailable false malformed ERROR
`},
		"no response": {crossminttest.Hang(), `
GET /me
  crossmint refresh timed_out timed_out ERROR
    POST /session/sdk/auth/refresh _OTHER ERROR
  session authenticate unavailable false timed_out ERROR
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in(t, otelsession.Config{}, func(t *testing.T, w *world) {
				w.warmUp()
				w.fake.FailAlways(crossminttest.Refresh, test.fault)
				if err := w.visit(t.Context(), w.expired("ann@example.com")); err == nil {
					t.Error("the request got a session")
				}
				must(t, w.Close(context.Background()))
				wantTree(t, w, test.want)
			})
		})
	}
}

func TestSecondRefusal(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		m := w.expired("ann@example.com")
		first := m
		first.RefusedAt = time.Now().Add(-time.Minute)
		for _, m := range []session.Material{first, refusedBefore(m)} {
			if err := w.visit(t.Context(), m); err == nil {
				t.Error("the request got a session")
			}
			time.Sleep(time.Minute) // the refusal is no longer cached
		}
		wantTree(t, w, `
GET /me
  crossmint refresh refused 401
    POST /session/sdk/auth/refresh 401 401 ERROR
  session authenticate rejected false 4xx 401
GET /me
  crossmint refresh refused 401
    POST /session/sdk/auth/refresh 401 401 ERROR
  session authenticate signed_out false 4xx 401
`)
	})
}

func TestValidSessionsAndVisitorsHaveNoSpan(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		must(t, w.visit(t.Context(), material(w.fake.Grant(w.fake.NewUser("ann@example.com")))))
		if err := w.visit(t.Context(), session.Material{}); err == nil {
			t.Error("a visitor got a session")
		}
		w.telemetry.OnEvent(t.Context(), event.Event{Outcome: event.Rejected, Op: "authenticate", Latency: second})
		wantTree(t, w, "GET /me\nGET /me\n")
	})
}

// under is a transport that makes a span of its own.
type under struct{ w *world }

func (u under) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := u.w.tracer.Start(r.Context(), "dial")
	defer span.End()
	return u.w.fake.Transport().RoundTrip(r)
}

func TestNextTransportIsInTheSpan(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.client.JWKSURL(), nil)
		must(t, err)
		res, err := w.telemetry.Transport(under{w}).RoundTrip(r)
		must(t, err)
		must(t, res.Body.Close())
		wantTree(t, w, `
GET /.well-known/jwks.json 200
  dial
`)
	})
}

func TestLogoutHasItsSpans(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		m := material(w.fake.Grant(w.fake.NewUser("ann@example.com")))
		must(t, w.Logout(t.Context(), m, session.Secret{}))
		wantTree(t, w, `
crossmint logout ok
  POST /session/sdk/auth/logout 200
session logout logged_out false
`)
	})
}

func TestKeysAreATraceOfTheirOwn(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		must(t, w.visit(t.Context(), material(w.fake.Grant(w.fake.NewUser("ann@example.com")))))
		synctest.Wait()
		wantTree(t, w, `
GET /.well-known/jwks.json 200
GET /me
`)
	})
}

// These calls have a user ID in the path, or an email address and a code in the
// query.
func TestOtherCallsAreShownWithoutTheirPath(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		user := w.fake.NewUser("ann@example.com")
		_, err := w.client.User(t.Context(), user.ID)
		must(t, err)
		emailID, err := w.client.SendEmailOTP(t.Context(), "ann@example.com")
		must(t, err)
		_, err = w.client.ConfirmEmailOTP(t.Context(), "ann@example.com", emailID, w.fake.Code("ann@example.com"))
		must(t, err)
		wantTree(t, w, "GET 200\nPOST 200\nPOST 200\n")
	})
}

// broken is an upstream with a bug.
type broken struct{ session.Upstream }

func (broken) Refresh(context.Context, session.Secret) (*session.Grant, error) {
	time.Sleep(second) // in the bubble
	panic("a bug")
}

func TestPanicOfUpstreamEndsItsSpan(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		w.manage(broken{w.client})
		if err := w.visit(t.Context(), w.expired("ann@example.com")); err == nil {
			t.Error("the request got a session")
		}
		wantTree(t, w, `
GET /me
  crossmint refresh panicked panicked ERROR
  session authenticate unavailable false unavailable ERROR
`)
	})
}
