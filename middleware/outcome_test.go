package middleware_test

import (
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// What browsers are told.
const (
	noCookies = "No cookies found in request"
	noRefresh = "Refresh token not found"
	notValid  = "Session is not valid"
	tryLater  = "Please try again later"
)

// outcome is what one request leads to.
type outcome struct {
	Verdict   string
	Message   string // of the body of an error
	Refreshes int
}

func (k *kit) outcome(t *testing.T, config middleware.Config, jwt, refresh string) outcome {
	t.Helper()
	before := k.fake.Calls().Refresh
	res, body := serve(k.require(config)(whoami), get("/me", jwt, refresh))
	o := outcome{Verdict: verdict(t, res), Refreshes: k.fake.Calls().Refresh - before}
	if res.StatusCode >= 400 {
		o.Message = message(t, res, body)
	}
	if res.Header.Get("Vary") != "Cookie" {
		t.Errorf("Vary: %q", res.Header.Get("Vary"))
	}
	return o
}

func TestMaterial(t *testing.T) {
	tests := []struct {
		name   string
		config session.Config
		bring  func(k *kit) (jwt, refresh string)
		want   outcome
	}{
		{"a valid pair, all else broken", session.Config{}, func(k *kit) (string, string) {
			defer k.fake.Down()
			return k.valid()
		}, outcome{"200 kept", "", 0}},
		{"nothing", session.Config{}, func(*kit) (string, string) { return "", "" }, outcome{"401 kept", noCookies, 0}},
		{"an ill-formed JWT", session.Config{}, func(*kit) (string, string) { return "a.b", "" }, outcome{"401 kept", noRefresh, 0}},
		{"an oversize JWT", session.Config{}, func(*kit) (string, string) { return strings.Repeat("a", 8<<10+1), "" }, outcome{"401 kept", noCookies, 0}},
		{"an oversize JWT beside a refresh token", session.Config{}, func(k *kit) (string, string) {
			_, refresh := k.expired()
			return strings.Repeat("a", 8<<10+1), refresh
		}, outcome{"200 renewed", "", 1}},
		{"a valid JWT alone", session.Config{}, func(k *kit) (string, string) {
			jwt, _ := k.valid()
			return jwt, ""
		}, outcome{"401 kept", noRefresh, 0}},
		{"a valid JWT alone, where that will do", session.Config{AllowJWTAlone: true}, func(k *kit) (string, string) {
			jwt, _ := k.valid()
			return jwt, ""
		}, outcome{"200 kept", "", 0}},
		{"an expired JWT alone, where a JWT will do", session.Config{AllowJWTAlone: true}, func(k *kit) (string, string) {
			jwt, _ := k.expired()
			return jwt, ""
		}, outcome{"401 kept", notValid, 0}},
		{"a valid JWT beside an oversize refresh token", session.Config{}, func(k *kit) (string, string) {
			jwt, _ := k.valid()
			return jwt, strings.Repeat("a", 2<<10+1)
		}, outcome{"401 kept", noRefresh, 0}},
		{"an expired JWT", session.Config{}, (*kit).expired, outcome{"200 renewed", "", 1}},
		{"a refresh token alone", session.Config{}, func(k *kit) (string, string) {
			_, refresh := k.valid()
			return "", refresh
		}, outcome{"200 renewed", "", 1}},
		{"a forged JWT beside a good refresh token", session.Config{}, func(k *kit) (string, string) {
			_, refresh := k.valid()
			return k.fake.ForgedJWT(k.fake.NewUser("")), refresh
		}, outcome{"200 renewed", "", 1}},
		{"a JWT of another project beside a good refresh token", session.Config{}, func(k *kit) (string, string) {
			_, refresh := k.valid()
			return k.fake.ForeignJWT(k.fake.NewUser("")), refresh
		}, outcome{"200 renewed", "", 1}},
		{"a forged JWT alone", session.Config{}, func(k *kit) (string, string) {
			return k.fake.ForgedJWT(k.fake.NewUser("")), ""
		}, outcome{"401 kept", noRefresh, 0}},
		{"a JWT without an expiry alone", session.Config{}, func(k *kit) (string, string) {
			return k.fake.Sign(k.fake.NewUser(""), nil, map[string]any{"exp": nil}), ""
		}, outcome{"401 kept", noRefresh, 0}},
		{"a revoked refresh token", session.Config{}, func(k *kit) (string, string) {
			jwt, refresh := k.expired()
			k.fake.Revoke(refresh)
			return jwt, refresh
		}, outcome{"401 cleared", notValid, 1}},
		{"an unknown refresh token", session.Config{}, func(*kit) (string, string) { return "", "nobody's" }, outcome{"401 cleared", notValid, 1}},
		{"a revoked refresh token beside a valid JWT", session.Config{}, func(k *kit) (string, string) {
			jwt, refresh := k.valid()
			k.fake.Revoke(refresh)
			return jwt, refresh
		}, outcome{"200 kept", "", 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, test.config)
			must(t, k.client.Preload(t.Context()))
			jwt, refresh := test.bring(k)
			if diff := cmp.Diff(test.want, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpiredPairOfTwoUsers(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	ann, bea := k.fake.NewUser("ann@example.com"), k.fake.NewUser("bea@example.com")
	refresh := k.fake.Grant(bea).RefreshToken.Secret.Reveal()
	res, body := serve(k.require(middleware.Config{})(whoami), get("/me", k.fake.ExpiredJWT(ann), refresh))
	if diff := cmp.Diff([]string{"200 renewed", bea.ID}, []string{verdict(t, res), body}); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]session.Outcome{session.UserChanged, session.Refreshed}, k.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestLateTokenGetsItsSuccessor(t *testing.T) {
	k := newKit(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{})
	jwt, refresh := k.expired()
	var set [2][]string
	for i := range set {
		res, _ := serve(k.require(middleware.Config{})(whoami), get("/me", jwt, refresh))
		if got := verdict(t, res); got != "200 renewed" {
			t.Fatalf("request %d: %s", i, got)
		}
		for _, c := range res.Cookies() {
			set[i] = append(set[i], c.Name+"="+c.Value)
		}
	}
	if diff := cmp.Diff(set[0], set[1]); diff != "" {
		t.Errorf("cookies of the two (-first +second):\n%s", diff)
	}
	if calls := k.fake.Calls().Refresh; calls != 1 {
		t.Errorf("upstream was asked %d times", calls)
	}
}
