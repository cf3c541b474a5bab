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

	"github.com/crossmint-go/auth/session/event"
)

// OnEvent counts e. If the request has waited for upstream, OnEvent makes a span,
// too. It is for session.Config.OnEvent. A hook can call it to report and log:
//
//	log := event.Log(nil)
//	OnEvent: func(ctx context.Context, e event.Event) {
//		telemetry.OnEvent(ctx, e)
//		log(ctx, e)
//	}
func (t *Telemetry) OnEvent(ctx context.Context, e event.Event) {
	attributes := describe(e)
	set := metric.WithAttributeSet(attribute.NewSet(attributes...))
	t.events.Add(ctx, 1, set)
	if e.Latency == 0 {
		return
	}
	t.durations.Record(ctx, e.Latency.Seconds(), set)
	// Without a refresh token there was no call. A span for each visitor
	// without cookies would be too many.
	if e.Token != "" {
		t.traceEvent(ctx, e, attributes)
	}
}

// describe returns the attributes of metrics and spans. Each has few values, and
// none identifies a user.
func describe(e event.Event) []attribute.KeyValue {
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

// traceEvent makes a span for an outcome. The request has already waited for it.
func (t *Telemetry) traceEvent(ctx context.Context, e event.Event, attributes []attribute.KeyValue) {
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
