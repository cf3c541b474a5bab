package lambda_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/adapters/lambda"
	"github.com/crossmint-go/auth/example/frameworks/internal/journey"
	"github.com/crossmint-go/auth/example/frameworks/internal/site"
	"github.com/crossmint-go/auth/example/frameworks/servemux"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLambda(t *testing.T) {
	gateways := map[string]func(testing.TB, http.Handler) http.Handler{
		"REST API": func(t testing.TB, h http.Handler) http.Handler { return restAPI(t, lambda.RESTAPI(h)) },
		"HTTP API": func(t testing.TB, h http.Handler) http.Handler { return httpAPI(t, lambda.HTTPAPI(h)) },
		"load balancer": func(t testing.TB, h http.Handler) http.Handler {
			return loadBalancer(t, true, lambda.LoadBalancer(h))
		},
	}
	for name, gateway := range gateways {
		journey.Run(t, journey.Framework{
			Name: name, Me: journey.Get("/me"), Slow: journey.Get("/slow"),
			New: func(t testing.TB, sessions *session.Manager, cookies *cookie.Codec) http.Handler {
				return gateway(t, servemux.New(sessions, cookies))
			},
		})
	}
}

// TestSingleValueHeaders shows why a target group needs multi-value headers: without
// them no cookie arrives.
func TestSingleValueHeaders(t *testing.T) {
	s := site.New(t, crossminttest.Config{}, func(sessions *session.Manager, cookies *cookie.Codec) http.Handler {
		return loadBalancer(t, false, lambda.LoadBalancer(servemux.New(sessions, cookies)))
	})
	s.Fake.SignInExpired(s.Browser.Jar, s.URL, "ada@example.com")
	if res, body := s.Get(t, "/me"); res.StatusCode != http.StatusOK || len(res.Cookies()) != 0 {
		t.Errorf("response: %s %s, %d cookies", res.Status, body, len(res.Cookies()))
	}
}
