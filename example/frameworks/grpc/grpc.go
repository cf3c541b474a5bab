// Package grpc puts sessions in front of gRPC services, for native clients. The
// metadata key authorization has the value "Bearer" and the JWT.
//
// There are no cookies and no renewals: an unauthenticated client renews its
// session at /refresh and tries again.
package grpc

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/crossmint-go/auth/session"
)

// New returns a server whose services find the session with
// session.FromContext. A stream ends with the session that opened it.
func New(sessions *session.Manager) *grpc.Server {
	return grpc.NewServer(grpc.UnaryInterceptor(unary(sessions)), grpc.StreamInterceptor(stream(sessions)))
}

func unary(sessions *session.Manager) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		ctx, err := authenticate(ctx, sessions)
		if err != nil {
			return nil, err
		}
		return handle(ctx, request)
	}
}

func stream(sessions *session.Manager) grpc.StreamServerInterceptor {
	return func(service any, s grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		ctx, err := authenticate(s.Context(), sessions)
		if err != nil {
			return err
		}
		signedIn, _ := session.FromContext(ctx)
		ctx, end := sessions.SessionContext(ctx, signedIn)
		defer end()
		return handle(service, serverStream{s, ctx})
	}
}

// serverStream is a stream with another context.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s serverStream) Context() context.Context { return s.ctx }

// authenticate returns ctx with the session of its metadata.
func authenticate(ctx context.Context, sessions *session.Manager) (context.Context, error) {
	jwt, _ := session.BearerToken(metadata.ValueFromIncomingContext(ctx, "authorization")...)
	result, err := sessions.Verify(ctx, jwt)
	switch {
	case errors.Is(err, session.ErrUnavailable):
		return nil, status.Error(codes.Unavailable, "Please try again later")
	case err != nil:
		return nil, status.Error(codes.Unauthenticated, "Session is not valid")
	}
	return result.NewContext(ctx, nil), nil
}
