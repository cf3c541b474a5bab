package grpc_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	example "github.com/crossmint-go/auth/example/frameworks/grpc"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the example's server with the service on a socket, and returns a
// connection to it.
func serve(t *testing.T, config crossminttest.Config) (*grpc.ClientConn, *crossminttest.Server) {
	t.Helper()
	fake, sessions, _ := site.Kit(t, config)
	server := example.New(sessions)
	server.RegisterService(&service, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	site.Must(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		site.Must(t, <-served)
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	site.Must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, fake
}

// authorized returns a context whose calls carry these authorizations.
func authorized(t *testing.T, authorizations ...string) context.Context {
	t.Helper()
	return metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": authorizations})
}

// response is the user ID that a client gets, or the code of an error.
type response struct {
	User string
	Code codes.Code
}

func callMe(ctx context.Context, conn *grpc.ClientConn) response {
	var user wrapperspb.StringValue
	err := conn.Invoke(ctx, "/example.v1.Site/Me", &emptypb.Empty{}, &user)
	return response{user.GetValue(), status.Code(err)}
}

// callStream returns the first message of a stream, and the stream.
func callStream(ctx context.Context, conn *grpc.ClientConn) (response, grpc.ClientStream) {
	stream, err := conn.NewStream(ctx, &service.Streams[0], "/example.v1.Site/Stream")
	if err != nil {
		return response{Code: status.Code(err)}, nil
	}
	var user wrapperspb.StringValue
	_ = stream.CloseSend() // a failure comes back from RecvMsg
	err = stream.RecvMsg(&user)
	return response{user.GetValue(), status.Code(err)}, stream
}

func TestAuthorization(t *testing.T) {
	conn, fake := serve(t, crossminttest.Config{})
	ada := fake.NewUser("ada@example.com")
	valid := fake.JWT(ada)
	signedIn, refused := response{User: ada.ID}, response{Code: codes.Unauthenticated}
	tests := []struct {
		name           string
		authorizations []string
		want           response
	}{
		{"none", nil, refused},
		{"a valid JWT", []string{"Bearer " + valid}, signedIn},
		{"the scheme in lower case", []string{"bearer " + valid}, signedIn},
		{"another scheme", []string{"Basic " + valid}, refused},
		{"no scheme", []string{valid}, refused},
		{"two", []string{"Bearer " + valid, "Bearer " + valid}, refused},
		{"an expired JWT", []string{"Bearer " + fake.ExpiredJWT(ada)}, refused},
		{"another project's JWT", []string{"Bearer " + fake.ForeignJWT(ada)}, refused},
		{"a forged JWT", []string{"Bearer " + fake.ForgedJWT(ada)}, refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx := authorized(t, test.authorizations...)
			if diff := cmp.Diff(test.want, callMe(ctx, conn)); diff != "" {
				t.Errorf("unary (-want +got):\n%s", diff)
			}
			if got, _ := callStream(ctx, conn); got != test.want {
				t.Errorf("stream: %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestKeysOutOfReach(t *testing.T) {
	conn, fake := serve(t, crossminttest.Config{})
	fake.Down()
	ctx := authorized(t, "Bearer "+fake.JWT(session.User{ID: "ada"}))
	if diff := cmp.Diff(response{Code: codes.Unavailable}, callMe(ctx, conn)); diff != "" {
		t.Errorf("unary (-want +got):\n%s", diff)
	}
}

func TestStreamEndsWithItsJWT(t *testing.T) {
	t.Parallel()
	conn, fake := serve(t, crossminttest.Config{JWTLifetime: 5 * time.Second})
	first, stream := callStream(authorized(t, "Bearer "+fake.JWT(session.User{ID: "ada"})), conn)
	if diff := cmp.Diff(response{User: "ada"}, first); diff != "" {
		t.Fatalf("first message (-want +got):\n%s", diff)
	}
	if code := status.Code(stream.RecvMsg(&wrapperspb.StringValue{})); code != codes.DeadlineExceeded {
		t.Errorf("the end: %v", code)
	}
}
