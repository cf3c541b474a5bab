package otelsession_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

func (w *world) observe() metric.Registration {
	w.t.Helper()
	registration, err := w.telemetry.Observe(w.Manager)
	must(w.t, err)
	return registration
}

// gauges returns the values that Observe reports.
func (w *world) gauges() map[string]float64 {
	w.t.Helper()
	found := map[string]float64{}
	for name, m := range w.metrics() {
		switch data := m.Data.(type) {
		case metricdata.Gauge[float64]:
			found[name] = data.DataPoints[0].Value
		case metricdata.Gauge[int64]:
			found[name] = float64(data.DataPoints[0].Value)
		case metricdata.Sum[int64]:
			if !data.IsMonotonic {
				found[name] = float64(data.DataPoints[0].Value)
			}
		}
	}
	return found
}

func (w *world) wantGauges(want map[string]float64) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.gauges()); diff != "" {
		w.t.Errorf("gauges (-want +got):\n%s", diff)
	}
}

func TestHealthIsShown(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		registration := w.observe()
		w.wantGauges(map[string]float64{
			"crossmint.session.refreshes": 0, "crossmint.session.waiting": 0, "crossmint.session.rejections_suspended": 0,
		})
		w.warmUp()
		time.Sleep(7 * second)
		grant := w.fake.ExpiredGrant(w.fake.NewUser("ann@example.com"))
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { _ = w.visit(t.Context(), material(grant)) })
		}
		synctest.Wait()
		w.wantGauges(map[string]float64{
			"crossmint.session.refreshes": 1, "crossmint.session.waiting": 3, "crossmint.session.rejections_suspended": 0,
			"crossmint.keys.age": 7,
		})
		all.Wait()
		time.Sleep(second)
		w.wantGauges(map[string]float64{
			"crossmint.session.refreshes": 0, "crossmint.session.waiting": 0, "crossmint.session.rejections_suspended": 0,
			"crossmint.keys.age": 9, "crossmint.session.last_refresh.age": 1,
		})
		must(t, registration.Unregister())
		w.wantGauges(map[string]float64{})
	})
}

func TestSuspendedRejectionsAreShown(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.observe()
		w.warmUp()
		w.fake.FailAlways(crossminttest.Refresh, refusing())
		for i := range 20 { // as many users as make the API key suspect
			_ = w.visit(t.Context(), w.expired(fmt.Sprintf("user%d@example.com", i)))
		}
		if got := w.gauges()["crossmint.session.rejections_suspended"]; got != 1 {
			t.Errorf("rejections_suspended = %v, want 1", got)
		}
	})
}

// An upstream that does not tell of its keys has no age of keys.
func TestHealthOfAnUpstreamWithoutKeys(t *testing.T) {
	in(t, otelsession.Config{}, func(t *testing.T, w *world) {
		w.warmUp()
		w.manage(struct{ session.Upstream }{w.client})
		w.observe()
		w.wantGauges(map[string]float64{
			"crossmint.session.refreshes": 0, "crossmint.session.waiting": 0, "crossmint.session.rejections_suspended": 0,
		})
	})
}
