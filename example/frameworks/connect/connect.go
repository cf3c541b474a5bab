// Package connect puts sessions in front of Connect's procedures, for browsers
// with cookies and for native clients with bearer tokens.
//
// Connect handlers are http.Handlers: no interceptor is needed, and the middleware
// renews cookies before a procedure runs. Clients of all three protocols translate
// its 401 to the code unauthenticated, and its 503 to unavailable.
//
// A procedure is a POST, which the middleware cannot redirect. Therefore a client
// with cookies gets unavailable for upstream's first refusal. It should try again
// after a second: then it either has the session that another instance has renewed,
// or gets unauthenticated. Only the Connect protocol shows a client Retry-After, in
// the metadata of the error.
package connect

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
)

// The names of the procedures, as in generated code.
const (
	MeProcedure     = "/example.v1.Site/Me"
	StreamProcedure = "/example.v1.Site/Stream"
)

// New returns the site. Its procedures are POSTs, which pages of other sites can
// send, too. The cross-origin protection rejects those.
func New(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
	require := middleware.RequireSession(sessions, cookies, middleware.Config{Bearer: true})
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{OmitRefreshSecret: true}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle(MeProcedure, require(connect.NewUnaryHandler(MeProcedure, me)))
	mux.Handle(StreamProcedure, require(connect.NewServerStreamHandler(StreamProcedure, stream)))
	return http.NewCrossOriginProtection().Handler(mux)
}

func me(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.StringValue], error) {
	s, _ := session.FromContext(ctx)
	response := connect.NewResponse(wrapperspb.String(s.UserID))
	response.Header().Add("Set-Cookie", "theme=dark")
	return response, nil
}

func stream(ctx context.Context, _ *connect.Request[emptypb.Empty], send *connect.ServerStream[wrapperspb.StringValue]) error {
	if err := send.Send(wrapperspb.String("hello")); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}
