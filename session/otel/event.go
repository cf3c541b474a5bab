package otelsession

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/crossmint-go/auth/session"
)

// OnEvent counts e and, where a request has waited for upstream, makes a span
// of it. It is for [session.Config.OnEvent]; call it from a hook of your own to
// have both:
//
//	log := session.LogEvents(nil)
//	OnEvent: func(ctx context.Context, e session.Event) {
//		telemetry.OnEvent(ctx, e)
//		log(ctx, e)
//	}
func (t *Telemetry) OnEvent(ctx context.Context, e session.Event) {
	attributes := describe(e)
	set := metric.WithAttributeSet(attribute.NewSet(attributes...))
	t.events.Add(ctx, 1, set)
	if e.Latency == 0 {
		return
	}
	t.durations.Record(ctx, e.Latency.Seconds(), set)
	// Only a refresh token is worth a call; a visitor without cookies is
	// not worth a span.
	if e.Token != "" {
		t.traceEvent(ctx, e, attributes)
	}
}

// describe returns the attributes that metrics and spans share: few values each,
// and none that tells of a user.
func describe(e session.Event) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		outcomeKey.String(string(e.Outcome)),
		operationKey.String(e.Op),
		sharedKey.Bool(e.Shared),
	}
	if e.UpstreamStatus != 0 {
		attributes = append(attributes, statusClassKey.String(statusClass(e.UpstreamStatus)))
	}
	return attributes
}

// traceEvent makes a span of what is over already.
func (t *Telemetry) traceEvent(ctx context.Context, e session.Event, attributes []attribute.KeyValue) {
	now := time.Now()
	_, span := t.tracer.Start(ctx, "session "+e.Op, trace.WithTimestamp(now.Add(-e.Latency)), trace.WithAttributes(attributes...))
	if t.recordUserID && e.UserID != "" {
		span.SetAttributes(semconv.UserID(e.UserID))
	}
	if e.UpstreamStatus != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(e.UpstreamStatus))
	}
	if e.Err != nil && e.Level() >= slog.LevelWarn {
		span.SetAttributes(semconv.ErrorTypeKey.String(resultOf(e.Err)))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}
