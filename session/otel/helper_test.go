package otelsession_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a manager with telemetry in front of a fake upstream.
type world struct {
	*session.Manager
	t         *testing.T
	fake      *crossminttest.Server
	client    *crossmint.Client
	telemetry *otelsession.Telemetry
	spans     *tracetest.SpanRecorder
	tracer    trace.Tracer // of a program that traces its requests
	reader    *sdkmetric.ManualReader

	mu     sync.Mutex // guards events
	events []event.Event
}

// in runs a test in a synctest bubble, with its own world.
func in(t *testing.T, config otelsession.Config, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, config)) })
}

func newWorld(t *testing.T, config otelsession.Config) *world {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{InMemory: true})
	must(t, err)
	t.Cleanup(fake.Close)
	w := &world{t: t, fake: fake, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	w.tracer = tracers.Tracer("the program")
	config.TracerProvider = tracers
	config.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))
	w.telemetry, err = otelsession.New(config)
	must(t, err)
	clientConfig := fake.Config()
	clientConfig.Timeout = 5 * second // shorter than the timeout of the request
	clientConfig.HTTPClient = &http.Client{Transport: w.telemetry.Transport(fake.Transport())}
	w.client, err = crossmint.NewClient(clientConfig)
	must(t, err)
	t.Cleanup(w.client.Close)
	w.manage(w.client)
	return w
}

// manage gives w a manager in front of upstream.
func (w *world) manage(upstream session.Upstream) {
	w.t.Helper()
	sessions, err := session.NewManager(session.Config{Upstream: w.telemetry.Upstream(upstream), OnEvent: w.onEvent})
	must(w.t, err)
	w.t.Cleanup(func() { _ = sessions.Close(context.Background()) })
	w.Manager = sessions
}

// onEvent is a hook that records the events, too.
func (w *world) onEvent(ctx context.Context, e event.Event) {
	w.telemetry.OnEvent(ctx, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// warmUp fetches the signing keys, so that their spans are not in other tests.
// From then on calls take a second: in a bubble only waiting takes time.
func (w *world) warmUp() {
	w.t.Helper()
	must(w.t, w.client.Preload(w.t.Context()))
	w.spans.Reset()
	w.fake.SetLatency(crossminttest.Any, second)
}

// expired returns the material of a user whose JWT has expired.
func (w *world) expired(email string) session.Material {
	return material(w.fake.ExpiredGrant(w.fake.NewUser(email)))
}

func material(g session.Grant) session.Material {
	return session.Material{JWT: g.JWT, RefreshToken: g.RefreshToken.Secret}
}

// refusedBefore returns the material with the marker of a first refusal, two hours
// ago.
func refusedBefore(m session.Material) session.Material {
	m.RefusedAt = time.Now().Add(-2 * time.Hour)
	return m
}

// visit makes a traced request that needs a session.
func (w *world) visit(ctx context.Context, m session.Material) error {
	ctx, span := w.tracer.Start(ctx, "GET /me")
	defer span.End()
	_, err := w.Authenticate(ctx, m)
	return err
}

// tree returns the traces: a line for each span under its parent, in the order of
// their ends.
func (w *world) tree() string {
	var b strings.Builder
	write(&b, w.spans.Ended(), trace.SpanID{}, "")
	return b.String()
}

func write(b *strings.Builder, spans []sdktrace.ReadOnlySpan, parent trace.SpanID, indent string) {
	for _, s := range spans {
		if s.Parent().SpanID() == parent {
			b.WriteString(indent + line(s) + "\n")
			write(b, spans, s.SpanContext().SpanID(), indent+"  ")
		}
	}
}

// shown are the attributes that distinguish spans of one name.
var shown = []attribute.Key{
	"crossmint.outcome", "crossmint.shared", "crossmint.upstream.result", "crossmint.upstream.status_class",
	"http.response.status_code", "error.type",
}

func line(s sdktrace.ReadOnlySpan) string {
	text := s.Name()
	all := attribute.NewSet(s.Attributes()...)
	for _, key := range shown {
		if value, ok := all.Value(key); ok {
			text += " " + value.String()
		}
	}
	if s.Status().Code == codes.Error {
		text += " ERROR"
	}
	return text
}

// metrics collects the metrics, by the name of the instrument.
func (w *world) metrics() map[string]metricdata.Metrics {
	w.t.Helper()
	var all metricdata.ResourceMetrics
	must(w.t, w.reader.Collect(w.t.Context(), &all))
	byName := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// refusing is a response with which upstream refuses a token.
func refusing() crossminttest.Fault {
	return crossminttest.Status(http.StatusUnauthorized, "application/json", `{"error":"Unauthorized"}`)
}

const second = time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
