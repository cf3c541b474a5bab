package otelsession_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

func TestZeroConfigReportsToTheGlobalProviders(t *testing.T) {
	telemetry, err := otelsession.New(otelsession.Config{})
	must(t, err)
	telemetry.OnEvent(context.Background(), event.Event{Outcome: event.Refreshed, Token: "00000000", Latency: second})
}

func TestManagerReportsThatThereIsNoUpstream(t *testing.T) {
	telemetry, err := otelsession.New(otelsession.Config{})
	must(t, err)
	if _, err := session.NewManager(session.Config{Upstream: telemetry.Upstream(nil)}); err == nil {
		t.Error("a manager without an upstream was made")
	}
}

func TestNoManagerIsNotObserved(t *testing.T) {
	telemetry, err := otelsession.New(otelsession.Config{})
	must(t, err)
	if _, err := telemetry.Observe(nil); err == nil {
		t.Error("nothing was observed without an error")
	}
}

// full is a provider that refuses every instrument of one kind.
type full struct{ noop.MeterProvider }

func (full) Meter(string, ...metric.MeterOption) metric.Meter { return fullMeter{} }

type fullMeter struct{ noop.Meter }

var errFull = errors.New("no more instruments")

func (fullMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errFull
}

func TestFaultOfTheProviderIsReported(t *testing.T) {
	if _, err := otelsession.New(otelsession.Config{MeterProvider: full{}}); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

// closer is a transport that knows whether it was closed.
type closer struct {
	http.RoundTripper
	closed *int
}

func (c closer) CloseIdleConnections() { *c.closed++ }

func TestIdleConnectionsAreClosed(t *testing.T) {
	telemetry, err := otelsession.New(otelsession.Config{})
	must(t, err)
	closed := 0
	client := http.Client{Transport: telemetry.Transport(closer{http.DefaultTransport, &closed})}
	client.CloseIdleConnections()
	if closed != 1 {
		t.Errorf("closed %d times, want 1", closed)
	}
}
