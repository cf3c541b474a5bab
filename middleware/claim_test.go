package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const noAccess = "Your account has no access to this page"

type roleClaims struct {
	Role string `json:"role"`
}

func requireAdmin() func(http.Handler) http.Handler {
	return middleware.RequireClaim(func(c roleClaims) bool { return c.Role == "admin" })
}

// withRole returns the cookies of a user whose claim "role" has the value role.
func withRole(role any) func(e *env) (jwt, refresh string) {
	return func(e *env) (string, string) {
		user := e.fake.NewUser("")
		if role != nil {
			e.fake.SetClaims(user.ID, map[string]any{"role": role})
		}
		g := e.fake.Grant(user)
		return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
	}
}

func TestRequireClaim(t *testing.T) {
	tests := []struct {
		name     string
		optional bool // inside OptionalSession in place of RequireSession
		cookies  func(e *env) (jwt, refresh string)
		response string
		message  string
	}{
		{name: "allowed", cookies: withRole("admin"), response: "200 kept"},
		{name: "not allowed", cookies: withRole("guest"), response: "403 kept", message: noAccess},
		{name: "no such claim", cookies: withRole(nil), response: "403 kept", message: noAccess},
		{name: "claim of another type", cookies: withRole(7), response: "403 kept", message: noAccess},
		{name: "list of roles where one is expected", cookies: withRole([]string{"admin"}), response: "403 kept", message: noAccess},
		{name: "renewed session, allowed", cookies: func(e *env) (string, string) {
			user := e.fake.NewUser("")
			e.fake.SetClaims(user.ID, map[string]any{"role": "admin"})
			g := e.fake.ExpiredGrant(user)
			return g.JWT.Reveal(), g.RefreshToken.Secret.Reveal()
		}, response: "200 renewed"},
		{name: "renewed session, not allowed: the new cookies are set", cookies: (*env).expired, response: "403 renewed", message: noAccess},
		{name: "no session", cookies: func(*env) (string, string) { return "", "" }, response: "401 kept", message: noCookies},
		{name: "OptionalSession, allowed", optional: true, cookies: withRole("admin"), response: "200 kept"},
		{name: "OptionalSession, no session", optional: true, cookies: func(*env) (string, string) { return "", "" }, response: "401 kept", message: noCookies},
		{name: "OptionalSession, outage", optional: true, cookies: func(e *env) (string, string) {
			e.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlError))
			return e.expired()
		}, response: "503 kept retry 1", message: tryLater},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			outer := e.require(middleware.Config{})
			if test.optional {
				outer = middleware.OptionalSession(e.sessions, e.cookies, middleware.Config{})
			}
			ran := false
			page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })
			jwt, refresh := test.cookies(e)
			res, body := serve(outer(requireAdmin()(page)), get("/admin", jwt, refresh))
			got := []string{testkit.ResponseOutcome(t, res), ""}
			if body != "" {
				got[1] = message(t, res, body)
			}
			if diff := cmp.Diff([]string{test.response, test.message}, got); diff != "" {
				t.Errorf("response and message (-want +got):\n%s", diff)
			}
			if want := strings.HasPrefix(test.response, "200"); ran != want {
				t.Errorf("the handler ran: %v, want %v", ran, want)
			}
		})
	}
}

// Without an outer middleware the program is wrong. The response is a 500, and one
// line of the log names the mistake and the path.
func TestRequireClaimWithoutSessionMiddleware(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	tests := []struct {
		name string
		ctx  context.Context
	}{
		{name: "empty context", ctx: t.Context()},
		{name: "context of a test without a session", ctx: session.NewContext(t.Context(), nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log.Reset()
			page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
			res, body := serve(requireAdmin()(page), get("/admin?code=secret", "", "").WithContext(test.ctx))
			got := []string{testkit.ResponseOutcome(t, res), message(t, res, body)}
			if diff := cmp.Diff([]string{"500 kept", "Something went wrong"}, got); diff != "" {
				t.Errorf("response and message (-want +got):\n%s", diff)
			}
			var line map[string]any
			must(t, json.Unmarshal(log.Bytes(), &line)) // fails if there are several
			delete(line, "time")
			want := map[string]any{"level": "ERROR", "msg": "middleware: RequireClaim runs without RequireSession around it", "path": "/admin"}
			if diff := cmp.Diff(want, line); diff != "" {
				t.Errorf("log line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequireClaimWithSessionOfATest(t *testing.T) {
	for role, want := range map[string]int{"admin": http.StatusOK, "guest": http.StatusForbidden} {
		s := crossminttest.NewSession("ann", map[string]any{"role": role})
		r := get("/admin", "", "")
		res, _ := serve(requireAdmin()(showUser), r.WithContext(session.NewContext(r.Context(), s)))
		if res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", role, res.StatusCode, want)
		}
	}
}

func TestRequireClaimPanicsWithoutFunction(t *testing.T) {
	if !panics(func() { middleware.RequireClaim[roleClaims](nil) }) {
		t.Error("nil is accepted")
	}
}

// countedClaims counts the calls of its UnmarshalJSON.
type countedClaims struct{}

var decodings int

func (*countedClaims) UnmarshalJSON([]byte) error {
	decodings++
	return nil
}

func TestRequireClaimDecodesOncePerToken(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	allow := middleware.RequireClaim(func(countedClaims) bool { return true })
	page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := session.Claims[countedClaims](r.Context())
		must(t, err)
	})
	h := e.require(middleware.Config{})(allow(allow(page)))
	decodings = 0
	for tokens := 1; tokens <= 2; tokens++ {
		jwt, refresh := e.valid()
		for range 5 {
			if res, _ := serve(h, get("/", jwt, refresh)); res.StatusCode != http.StatusOK {
				t.Fatalf("status %d", res.StatusCode)
			}
		}
		if decodings != tokens {
			t.Errorf("%d tokens in 5 requests each were decoded %d times, want %d", tokens, decodings, tokens)
		}
	}
}
