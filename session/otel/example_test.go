package otelsession_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

// A protected page is asked for with an expired JWT. A program gives
// crossmint.Config its API key instead of a fake's configuration, and its
// providers exporters.
func Example() {
	fake, err := crossminttest.New(crossminttest.Config{})
	check(err)
	defer fake.Close()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	telemetry, err := otelsession.New(otelsession.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	})
	check(err)

	config := fake.Config()
	config.HTTPClient = &http.Client{Transport: telemetry.Transport(config.HTTPClient.Transport)}
	client, err := crossmint.NewClient(config)
	check(err)
	defer client.Close()
	check(client.Preload(context.Background()))
	sessions, err := session.NewManager(session.Config{
		Upstream: telemetry.Upstream(client),
		OnEvent:  telemetry.OnEvent,
	})
	check(err)
	defer sessions.Close(context.Background())
	registration, err := telemetry.Observe(sessions)
	check(err)
	defer registration.Unregister()

	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	check(err)
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	visit(require(http.NotFoundHandler()), fake.ExpiredGrant(fake.NewUser("ann@example.com")))

	for _, span := range spans.GetSpans() {
		fmt.Println("span:", span.Name)
	}
	printCalls(reader)
	// Output:
	// span: GET /.well-known/jwks.json
	// span: POST /session/sdk/auth/refresh
	// span: crossmint refresh
	// span: session authenticate
	// calls: keys ok 1
	// calls: refresh ok 1
}

// visit asks for a page with the cookies of a grant.
func visit(h http.Handler, grant session.Grant) {
	r := httptest.NewRequest("GET", "/me", nil)
	for _, c := range crossminttest.Cookies(grant) {
		r.AddCookie(c)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
}

// printCalls prints how many calls of upstream were measured.
func printCalls(reader *sdkmetric.ManualReader) {
	var all metricdata.ResourceMetrics
	check(reader.Collect(context.Background(), &all))
	var lines []string
	for _, m := range all.ScopeMetrics[0].Metrics {
		data, ok := m.Data.(metricdata.Histogram[float64])
		if !ok || m.Name != "crossmint.upstream.duration" {
			continue
		}
		for _, point := range data.DataPoints {
			lines = append(lines, fmt.Sprintln("calls:", value(point.Attributes, "crossmint.operation"), value(point.Attributes, "crossmint.upstream.result"), point.Count))
		}
	}
	slices.Sort(lines) // series come in any order
	fmt.Print(strings.Join(lines, ""))
}

func value(all attribute.Set, key attribute.Key) string {
	v, _ := all.Value(key)
	return v.AsString()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
