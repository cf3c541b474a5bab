package otelsession

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/crossmint-go/auth/session"
)

// healthInstruments are the instruments for a session.Health.
type healthInstruments struct {
	refreshes, waiting metric.Int64ObservableUpDownCounter
	suspended          metric.Int64ObservableGauge
	lastRefresh, keys  metric.Float64ObservableGauge
}

func (t *Telemetry) newHealthInstruments() error {
	var faults [5]error
	h := &t.health
	h.refreshes, faults[0] = t.meter.Int64ObservableUpDownCounter("crossmint.session.refreshes",
		metric.WithUnit("{refresh}"), metric.WithDescription("Refreshes that run now."))
	h.waiting, faults[1] = t.meter.Int64ObservableUpDownCounter("crossmint.session.waiting",
		metric.WithUnit("{request}"), metric.WithDescription("Requests that wait for a refresh."))
	h.suspended, faults[2] = t.meter.Int64ObservableGauge("crossmint.session.rejections_suspended",
		metric.WithUnit("1"), metric.WithDescription("1 while refusals delete no cookies: check the API key."))
	h.lastRefresh, faults[3] = t.meter.Float64ObservableGauge("crossmint.session.last_refresh.age",
		metric.WithUnit("s"), metric.WithDescription("Time since upstream last accepted a refresh."))
	h.keys, faults[4] = t.meter.Float64ObservableGauge("crossmint.keys.age",
		metric.WithUnit("s"), metric.WithDescription("Time since the signing keys were fetched."))
	return errors.Join(faults[:]...)
}

// Observe reports the health of m whenever metrics are collected, until the
// caller unregisters the registration. A program with several managers needs a
// MeterProvider for each.
func (t *Telemetry) Observe(m *session.Manager) (metric.Registration, error) {
	if m == nil {
		return nil, errors.New("otelsession: the session manager is nil")
	}
	h := &t.health
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h.observe(o, m.Health())
		return nil
	}, h.refreshes, h.waiting, h.suspended, h.lastRefresh, h.keys)
}

func (h *healthInstruments) observe(o metric.Observer, health session.Health) {
	o.ObserveInt64(h.refreshes, int64(health.RefreshesInFlight))
	o.ObserveInt64(h.waiting, int64(health.Waiting))
	suspended := int64(0)
	if health.RejectionsSuspended {
		suspended = 1
	}
	o.ObserveInt64(h.suspended, suspended)
	observeAge(o, h.lastRefresh, health.LastRefresh)
	observeAge(o, h.keys, health.KeysFetchedAt)
}

// observeAge reports the age of since. It reports nothing for the zero time.
func observeAge(o metric.Observer, age metric.Float64ObservableGauge, since time.Time) {
	if !since.IsZero() {
		o.ObserveFloat64(age, time.Since(since).Seconds())
	}
}
