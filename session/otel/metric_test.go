package otelsession_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

// A series is told by its attributes, in the order of their names.
func series(set attribute.Set) string { return set.Encoded(attribute.DefaultEncoder()) }

// counts returns the values of a counter, or of a histogram's counts.
func counts(t *testing.T, m metricdata.Metrics) map[string]int {
	t.Helper()
	found := map[string]int{}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, point := range data.DataPoints {
			found[series(point.Attributes)] = int(point.Value)
		}
	case metricdata.Histogram[float64]:
		for _, point := range data.DataPoints {
			found[series(point.Attributes)] = int(point.Count)
		}
	default:
		t.Fatalf("%q has data of type %T", m.Name, m.Data)
	}
	return found
}

func wantCounts(t *testing.T, w *world, name string, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, counts(t, w.metrics()[name])); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// eventSeries is the series of an event of "authenticate".
func eventSeries(outcome event.Outcome, shared bool, more string) string {
	return fmt.Sprintf("crossmint.operation=authenticate,crossmint.outcome=%s,crossmint.shared=%t%s", outcome, shared, more)
}

func TestEventsAreCountedByOutcome(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		ann := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		must(t, w.visit(t.Context(), material(ann)))
		must(t, w.visit(t.Context(), material(ann))) // gets the cached grant
		fails := []crossminttest.Fault{crossminttest.Status(503, "", "{}"), refusing()}
		for _, fault := range fails {
			w.fake.Fail(crossminttest.Refresh, fault)
			if err := w.visit(t.Context(), w.expired("bob@example.com")); err == nil {
				t.Error("the request got a session")
			}
		}
		w.fake.Fail(crossminttest.Refresh, refusing())
		if err := w.visit(t.Context(), refusedBefore(w.expired("cy@example.com"))); err == nil {
			t.Error("the refused request got a session")
		}
		must(t, w.Logout(t.Context(), material(ann), session.Secret{}))

		want := map[string]int{
			eventSeries(event.Refreshed, false, ""):                                          1,
			eventSeries(event.Refreshed, true, ""):                                           1,
			eventSeries(event.Unavailable, false, ",crossmint.upstream.status_class=5xx"):    1,
			eventSeries(event.AskedAgain, false, ",crossmint.upstream.status_class=4xx"):     1,
			eventSeries(event.SignedOut, false, ",crossmint.upstream.status_class=4xx"):      1,
			"crossmint.operation=logout,crossmint.outcome=logged_out,crossmint.shared=false": 1,
		}
		wantCounts(t, w, "crossmint.session.events", want)
		delete(want, eventSeries(event.Refreshed, true, "")) // it took no time in the bubble
		wantCounts(t, w, "crossmint.session.duration", want)
		wantCounts(t, w, "crossmint.upstream.duration", map[string]int{
			"crossmint.operation=keys,crossmint.upstream.result=ok":             1,
			"crossmint.operation=refresh,crossmint.upstream.result=ok":          1,
			"crossmint.operation=refresh,crossmint.upstream.result=unavailable": 1,
			"crossmint.operation=refresh,crossmint.upstream.result=refused":     2,
			"crossmint.operation=logout,crossmint.upstream.result=ok":           1,
		})
	})
}

func TestKeysOutOfReachAreCounted(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.fake.FailAlways(crossminttest.JWKS, crossminttest.Status(500, "", "{}"))
		if err := w.client.Preload(t.Context()); err == nil {
			t.Error("keys were fetched")
		}
		wantCounts(t, w, "crossmint.upstream.duration", map[string]int{
			"crossmint.operation=keys,crossmint.upstream.result=unavailable": 1,
		})
	})
}

func TestResultsAreFew(t *testing.T) {
	tests := map[string]error{
		"ok":          nil,
		"refused":     &session.UpstreamError{Kind: session.ErrRefused, Err: context.DeadlineExceeded},
		"malformed":   &session.UpstreamError{Kind: session.ErrMalformed},
		"unavailable": &session.UpstreamError{Status: 503},
		"not_sent":    &session.UpstreamError{NotSent: true},
		"incomplete":  &session.UpstreamError{Incomplete: true},
		"timed_out":   fmt.Errorf("wrapped: %w", &session.UpstreamError{Err: context.DeadlineExceeded}),
		"other":       errors.New("an error with a secret in it"),
	}
	for want, err := range tests {
		t.Run(want, func(t *testing.T) {
			in(t, otelsession.Config{}, func(t *testing.T, w *world) {
				if got := w.telemetry.Upstream(failing{err: err}).Logout(t.Context(), session.Secret{}); !errors.Is(got, err) {
					t.Errorf("error %v, want %v", got, err)
				}
				wantCounts(t, w, "crossmint.upstream.duration", map[string]int{
					"crossmint.operation=logout,crossmint.upstream.result=" + want: 1,
				})
			})
		})
	}
}

// failing is an upstream whose logout ends in err.
type failing struct {
	session.Upstream
	err error
}

func (f failing) Logout(context.Context, session.Secret) error { return f.err }

func TestStatusClassesAreFew(t *testing.T) {
	for status, want := range map[int]string{101: "1xx", 302: "3xx", 429: "4xx", 599: "5xx", 600: "other", 99: "other", -7: "other"} {
		in(t, otelsession.Config{}, func(t *testing.T, w *world) {
			w.telemetry.OnEvent(t.Context(), event.Event{Outcome: event.Unavailable, Op: "authenticate", UpstreamStatus: status})
			wantCounts(t, w, "crossmint.session.events", map[string]int{
				eventSeries(event.Unavailable, false, ",crossmint.upstream.status_class="+want): 1,
			})
		})
	}
}

func TestInstrumentsHaveUnitsAndDescriptions(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.observe()
		w.warmUp()
		must(t, w.visit(t.Context(), w.expired("ann@example.com")))
		got := map[string]string{}
		for name, m := range w.metrics() {
			got[name] = m.Unit
			if m.Description == "" {
				t.Errorf("%s has no description", name)
			}
		}
		want := map[string]string{
			"crossmint.session.events": "{event}", "crossmint.session.duration": "s", "crossmint.upstream.duration": "s",
			"crossmint.session.refreshes": "{refresh}", "crossmint.session.waiting": "{request}",
			"crossmint.session.rejections_suspended": "1", "crossmint.session.last_refresh.age": "s", "crossmint.keys.age": "s",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("instruments and their units (-want +got):\n%s", diff)
		}
	})
}

// Events come from all requests at once.
func TestEventsOfManyRequests(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				if err := w.visit(t.Context(), w.expired(fmt.Sprintf("user%d@example.com", i))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		wantCounts(t, w, "crossmint.session.events", map[string]int{eventSeries(event.Refreshed, false, ""): 50})
	})
}

func keysOf(set attribute.Set) (keys []string) {
	for _, kv := range set.ToSlice() {
		keys = append(keys, string(kv.Key))
	}
	return keys
}
