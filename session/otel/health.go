package otelsession

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/crossmint-go/auth/session"
)

// healthInstruments show a session.Health.
type healthInstruments struct {
	refreshes, waiting metric.Int64ObservableUpDownCounter
	doubted            metric.Int64ObservableGauge
	lastRefresh, keys  metric.Float64ObservableGauge
}

func (t *Telemetry) newHealthInstruments() error {
	var faults [5]error
	h := &t.health
	h.refreshes, faults[0] = t.meter.Int64ObservableUpDownCounter("crossmint.session.refreshes",
		metric.WithUnit("{refresh}"), metric.WithDescription("Refreshes that run now."))
	h.waiting, faults[1] = t.meter.Int64ObservableUpDownCounter("crossmint.session.waiting",
		metric.WithUnit("{request}"), metric.WithDescription("Requests that wait for a refresh."))
	h.doubted, faults[2] = t.meter.Int64ObservableGauge("crossmint.session.refusals_doubted",
		metric.WithUnit("1"), metric.WithDescription("1 while refusals clear no cookies: look at the API key."))
	h.lastRefresh, faults[3] = t.meter.Float64ObservableGauge("crossmint.session.last_refresh.age",
		metric.WithUnit("s"), metric.WithDescription("How long ago upstream last accepted a refresh."))
	h.keys, faults[4] = t.meter.Float64ObservableGauge("crossmint.keys.age",
		metric.WithUnit("s"), metric.WithDescription("How long ago the signing keys were fetched."))
	return errors.Join(faults[:]...)
}

// Observe shows the health of m whenever metrics are collected, until the
// registration is unregistered, which is the caller's to do. A program with
// several managers needs a MeterProvider for each.
func (t *Telemetry) Observe(m *session.Manager) (metric.Registration, error) {
	if m == nil {
		return nil, errors.New("otelsession: the session manager is nil")
	}
	h := &t.health
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h.observe(o, m.Health())
		return nil
	}, h.refreshes, h.waiting, h.doubted, h.lastRefresh, h.keys)
}

func (h *healthInstruments) observe(o metric.Observer, health session.Health) {
	o.ObserveInt64(h.refreshes, int64(health.RefreshesInFlight))
	o.ObserveInt64(h.waiting, int64(health.Waiting))
	doubted := int64(0)
	if health.RefusalsDoubted {
		doubted = 1
	}
	o.ObserveInt64(h.doubted, doubted)
	observeAge(o, h.lastRefresh, health.LastRefresh)
	observeAge(o, h.keys, health.KeysFetchedAt)
}

// observeAge leaves out what has not been yet: 0 would be young.
func observeAge(o metric.Observer, age metric.Float64ObservableGauge, since time.Time) {
	if !since.IsZero() {
		o.ObserveFloat64(age, time.Since(since).Seconds())
	}
}
