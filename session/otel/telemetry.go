package otelsession

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is the instrumentation scope of all spans and metrics.
const scope = "github.com/crossmint-go/auth/session/otel"

// Config configures a [Telemetry]. The zero value reports to the global providers,
// without user IDs.
type Config struct {
	// TracerProvider receives the spans. nil: the global one.
	TracerProvider trace.TracerProvider
	// MeterProvider receives the metrics. nil: the global one.
	MeterProvider metric.MeterProvider
	// DangerouslyRecordUserID puts the user's ID into spans, as user.id. It is
	// personal data, and every reader of the traces sees it. Metrics never have
	// it.
	DangerouslyRecordUserID bool
}

// A Telemetry reports to OpenTelemetry. It is safe for concurrent use, starts no
// goroutine and needs no Close.
type Telemetry struct {
	tracer       trace.Tracer
	meter        metric.Meter
	recordUserID bool

	events    metric.Int64Counter
	durations metric.Float64Histogram
	calls     metric.Float64Histogram
	health    healthInstruments
}

// New returns a Telemetry, or the error of the MeterProvider.
func New(config Config) (*Telemetry, error) {
	if config.TracerProvider == nil {
		config.TracerProvider = otel.GetTracerProvider()
	}
	if config.MeterProvider == nil {
		config.MeterProvider = otel.GetMeterProvider()
	}
	t := &Telemetry{
		tracer:       config.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		meter:        config.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		recordUserID: config.DangerouslyRecordUserID,
	}
	if err := errors.Join(t.newInstruments(), t.newHealthInstruments()); err != nil {
		return nil, err
	}
	return t, nil
}

// seconds are the buckets of the semantic conventions for the duration of HTTP
// requests.
var seconds = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

func (t *Telemetry) newInstruments() error {
	var faults [3]error
	t.events, faults[0] = t.meter.Int64Counter("crossmint.session.events",
		metric.WithUnit("{event}"), metric.WithDescription("Outcomes of requests, and events beside them."))
	t.durations, faults[1] = t.meter.Float64Histogram("crossmint.session.duration", seconds,
		metric.WithUnit("s"), metric.WithDescription("Duration of operations."))
	t.calls, faults[2] = t.meter.Float64Histogram("crossmint.upstream.duration", seconds,
		metric.WithUnit("s"), metric.WithDescription("Duration of upstream calls, each try separately."))
	return errors.Join(faults[:]...)
}
