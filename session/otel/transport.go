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

// Transport returns next with a span for each HTTP request, until the header of
// its answer, and a duration for each fetch of the signing keys. It is for
// crossmint.Config.HTTPClient. nil: http.DefaultTransport.
//
// Of a URL only the host and the port are reported, and the path where it is one
// of three that are known: others hold users' IDs, e-mail addresses and the
// codes that were sent to them. For the same reason a general instrumentation
// of HTTP clients does not do here. Nothing is added to the request.
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

// knownPaths are the ends of the paths that may be shown.
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
		concludeRequest(span, res)
	}()
	return t.next.RoundTrip(r.WithContext(ctx))
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for, and
// thereby crossmint.Client.Close.
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

// countKeys counts a fetch of the signing keys. Without an answer res is nil.
func (t *Telemetry) countKeys(ctx context.Context, started time.Time, res *http.Response) {
	result := resultUnavailable
	if res != nil && res.StatusCode >= 200 && res.StatusCode <= 299 {
		result = resultOK
	}
	t.calls.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(operationKey.String("keys"), resultKey.String(result)))
}

// concludeRequest ends the span of a request by the conventions for HTTP, to
// which every status from 400 on is an error. What it says about a token is
// told by the span above.
func concludeRequest(span trace.Span, res *http.Response) {
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
