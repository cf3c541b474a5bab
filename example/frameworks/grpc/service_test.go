package grpc_test

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crossmint-go/auth/session"
)

// service is the code that protoc would generate for example.v1.Site.
var service = grpc.ServiceDesc{
	ServiceName: "example.v1.Site",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Me", Handler: handleMe}},
	Streams:     []grpc.StreamDesc{{StreamName: "Stream", Handler: handleStream, ServerStreams: true}},
}

func handleMe(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	var in emptypb.Empty
	if err := decode(&in); err != nil {
		return nil, err
	}
	return intercept(ctx, &in, &grpc.UnaryServerInfo{FullMethod: "/example.v1.Site/Me"}, me)
}

func me(ctx context.Context, _ any) (any, error) {
	s, _ := session.FromContext(ctx)
	return wrapperspb.String(s.UserID), nil
}

// handleStream sends one message and keeps the stream open.
func handleStream(_ any, stream grpc.ServerStream) error {
	s, _ := session.FromContext(stream.Context())
	if err := stream.SendMsg(wrapperspb.String(s.UserID)); err != nil {
		return err
	}
	<-stream.Context().Done()
	return status.FromContextError(stream.Context().Err()).Err()
}
