package connect_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	example "github.com/crossmint-go/auth/example/frameworks/connect"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var protocols = map[string][]connect.ClientOption{
	"Connect":  nil,
	"gRPC":     {connect.WithGRPC()},
	"gRPC-Web": {connect.WithGRPCWeb()},
}

// call returns the user's ID, or the code of the error.
func call(ctx context.Context, s *site.Site, authorization string, options []connect.ClientOption) string {
	response, err := callUnary(ctx, s, authorization, options)
	if err != nil {
		return connect.CodeOf(err).String()
	}
	return response.Msg.GetValue()
}

func callUnary(ctx context.Context, s *site.Site, authorization string, options []connect.ClientOption) (*connect.Response[wrapperspb.StringValue], error) {
	client := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](s.Browser, s.URL.String()+example.MeProcedure, options...)
	request := connect.NewRequest(&emptypb.Empty{})
	if authorization != "" {
		request.Header().Set("Authorization", authorization)
	}
	return client.CallUnary(ctx, request)
}

// TestClients checks that clients of each protocol understand the responses of the
// middleware.
func TestClients(t *testing.T) {
	for name, options := range protocols {
		t.Run(name, func(t *testing.T) {
			s := site.New(t, crossminttest.Config{}, example.New)
			expect := func(situation, want, authorization string) {
				t.Helper()
				if diff := cmp.Diff(want, call(t.Context(), s, authorization, options)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", situation, diff)
				}
			}
			ada := session.User{ID: "ada"}
			expect("unknown", "unauthenticated", "")
			expect("a native client", "ada", "Bearer "+s.Fake.JWT(ada))
			expect("a native client's expired JWT", "unauthenticated", "Bearer "+s.Fake.ExpiredJWT(ada))
			s.Browser.Jar.SetCookies(s.URL, crossminttest.Cookies(s.Fake.ExpiredGrant(ada)))
			s.Fake.Fail(crossminttest.Refresh, crossminttest.Status(503, "", "{}"))
			expect("a browser's expired JWT in an outage", "unavailable", "")
			expect("a browser's expired JWT", "ada", "")
		})
	}
}

// TestRefusal checks that clients of each protocol can tell upstream's first refusal
// from the end of the session. Those of the Connect protocol see when to try again.
func TestRefusal(t *testing.T) {
	for name, options := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, crossminttest.Config{}, example.New)
			s.Fake.Revoke(s.Fake.SignInExpired(s.Browser.Jar, s.URL, "ada@example.com").RefreshToken.Secret.Reveal())
			got := []string{}
			for range 2 {
				_, err := callUnary(t.Context(), s, "", options)
				var failed *connect.Error
				if !errors.As(err, &failed) {
					t.Fatal(err)
				}
				got = append(got, failed.Code().String()+" "+failed.Meta().Get("Retry-After"))
				time.Sleep(time.Second)
			}
			want := []string{"unavailable ", "unauthenticated "}
			if name == "Connect" {
				want[0] += "1"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("codes and Retry-After (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, example.New)
	s.Fake.SignIn(s.Browser.Jar, s.URL, "ada@example.com")
	r := s.Request(t, http.MethodPost, example.MeProcedure, "{}")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res, body := s.Do(t, r); res.StatusCode != http.StatusForbidden {
		t.Errorf("response: %s %s", res.Status, body)
	}
}
