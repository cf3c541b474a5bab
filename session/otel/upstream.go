package otelsession

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/crossmint-go/auth/session"
)

// Upstream returns next with a span and a duration for each Refresh and each
// Logout. The verification of JWTs has neither, because every request verifies one
// and usually without a call. A nil next stays nil; the Manager reports it.
func (t *Telemetry) Upstream(next session.Upstream) session.Upstream {
	if next == nil {
		return nil
	}
	return upstream{next, t}
}

type upstream struct {
	session.Upstream
	telemetry *Telemetry
}

// Refresh implements [session.Upstream].
func (u upstream) Refresh(ctx context.Context, token session.Secret) (grant *session.Grant, err error) {
	err = u.telemetry.call(ctx, "refresh", func(ctx context.Context, span trace.Span) (err error) {
		grant, err = u.Upstream.Refresh(ctx, token)
		if err == nil && grant != nil && u.telemetry.recordUserID {
			span.SetAttributes(semconv.UserID(grant.User.ID))
		}
		return err
	})
	return grant, err
}

// Logout implements [session.Upstream].
func (u upstream) Logout(ctx context.Context, token session.Secret) error {
	return u.telemetry.call(ctx, "logout", func(ctx context.Context, _ trace.Span) error {
		return u.Upstream.Logout(ctx, token)
	})
}

// KeysFetchedAt returns the time of next for [session.Manager.Health], or the zero
// time if next has none.
func (u upstream) KeysFetchedAt() time.Time {
	if keys, ok := u.Upstream.(interface{ KeysFetchedAt() time.Time }); ok {
		return keys.KeysFetchedAt()
	}
	return time.Time{}
}

// call makes a call with a span and a duration. It reports a panic as well, which
// the Manager recovers.
func (t *Telemetry) call(ctx context.Context, operation string, call func(context.Context, trace.Span) error) (err error) {
	ctx, span := t.tracer.Start(ctx, "crossmint "+operation)
	started, result := time.Now(), resultPanicked
	defer func() {
		t.calls.Record(ctx, time.Since(started).Seconds(),
			metric.WithAttributes(operationKey.String(operation), resultKey.String(result)))
		endCallSpan(span, result, statusOf(err))
	}()
	err = call(ctx, span)
	result = resultOf(err)
	return err
}

// endCallSpan ends the span of a call. status is 0 where none is known.
func endCallSpan(span trace.Span, result string, status int) {
	span.SetAttributes(resultKey.String(result))
	if status != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if isFailure(result) {
		span.SetAttributes(semconv.ErrorTypeKey.String(result))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// statusOf returns the HTTP status of a failed call, 0 without one.
func statusOf(err error) int {
	var up *session.UpstreamError
	if errors.As(err, &up) {
		return up.Status
	}
	return 0
}
