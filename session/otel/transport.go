package otelsession

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport returns next with a span for each HTTP request and a duration for each
// fetch of the signing keys. A span ends with the header of the response. Transport
// is for crossmint.Config.HTTPClient. nil: http.DefaultTransport.
//
// Spans have the host and the port of a URL, and three known paths. Other paths
// hold user IDs, email addresses and one-time codes. Therefore a general
// instrumentation of HTTP clients must not be used here. Transport adds nothing to
// the request.
func (t *Telemetry) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{next, t}
}

// transport is a RoundTripper in front of another.
type transport struct {
	next      http.RoundTripper
	telemetry *Telemetry
}

const keysPath = "/.well-known/jwks.json"

// knownPaths are the suffixes of the paths that may be reported.
var knownPaths = []string{"/session/sdk/auth/refresh", "/session/sdk/auth/logout", keysPath}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	path := knownPath(r)
	ctx, span := t.telemetry.tracer.Start(r.Context(), strings.TrimSpace(r.Method+" "+path),
		trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(describeRequest(r, path)...))
	started := time.Now()
	defer func() {
		if path == keysPath {
			t.telemetry.countKeys(ctx, started, res)
		}
		endRequestSpan(span, res)
	}()
	return t.next.RoundTrip(r.WithContext(ctx))
}

// CloseIdleConnections closes the idle connections of the next transport.
// http.Client.CloseIdleConnections calls it, and so does crossmint.Client.Close.
func (t transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func knownPath(r *http.Request) string {
	for _, known := range knownPaths {
		if strings.HasSuffix(r.URL.Path, known) {
			return known
		}
	}
	return ""
}

func describeRequest(r *http.Request, path string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(r.Method),
		semconv.ServerAddress(r.URL.Hostname()),
	}
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	if path != "" {
		attributes = append(attributes, semconv.URLTemplate(path))
	}
	return attributes
}

// countKeys records a fetch of the signing keys. res is nil without a response.
func (t *Telemetry) countKeys(ctx context.Context, started time.Time, res *http.Response) {
	result := resultUnavailable
	if res != nil && res.StatusCode >= 200 && res.StatusCode <= 299 {
		result = resultOK
	}
	t.calls.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(operationKey.String("keys"), resultKey.String(result)))
}

// endRequestSpan ends the span of a request by the conventions for HTTP clients: a
// status of 400 or above is an error. The parent span reports the result for the
// token.
func endRequestSpan(span trace.Span, res *http.Response) {
	defer span.End()
	if res == nil {
		span.SetAttributes(semconv.ErrorTypeOther)
		span.SetStatus(codes.Error, "")
		return
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(res.StatusCode))
	if res.StatusCode >= 400 {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(res.StatusCode)))
		span.SetStatus(codes.Error, "")
	}
}
