package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func TestAuthenticate(t *testing.T) {
	run(t, "a valid JWT needs no upstream call, also in an outage", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		k.Fake.FailAlways(crossminttest.Any, crossminttest.Reset())
		time.Sleep(59 * time.Minute)
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		if result.Renewed != nil || result.Session.UserID == "" || result.Session.RefreshToken.Secret.IsZero() {
			t.Errorf("result = %+v", result)
		}
		// One at first, and one in the background, which net/http may repeat.
		if jwks := k.Fake.Calls().JWKS; jwks > 3 {
			t.Errorf("keys were fetched %d times", jwks)
		}
	})
	run(t, "an expired JWT is refreshed once", testkit.Config{}, func(t *testing.T, k *kit) {
		result, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.OK, 1)
		if result.Renewed == nil || !result.Session.JWT.Equal(result.Renewed.Grant.JWT) {
			t.Errorf("result = %+v", result)
		}
		if !k.Has(event.Refreshed) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "without signing keys there is no decision", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err := k.authenticate(k.SignIn("ann@example.com"))
		k.want(err, testkit.Unavailable, 0)
	})
	run(t, "a grant that cannot be verified waits for the signing keys", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		g := k.Fake.Grant(k.Fake.NewUser("ann@example.com"))
		m := session.Material{RefreshToken: g.RefreshToken.Secret}
		_, err := k.authenticate(m)
		k.want(err, testkit.Unavailable, 1)
		k.Fake.Heal()
		time.Sleep(5 * second)
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
	})
	run(t, "an unverified grant whose JWT has expired is exchanged for the next one", testkit.Config{Fake: crossminttest.Config{JWTLifetime: 2 * time.Minute}}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		g := k.Fake.Grant(k.Fake.NewUser("ann@example.com"))
		m := session.Material{RefreshToken: g.RefreshToken.Secret}
		_, err := k.authenticate(m)
		k.want(err, testkit.Unavailable, 1)
		k.Fake.Heal()
		time.Sleep(5 * time.Minute) // longer than upstream's own grace period
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 2)
	})
	run(t, "a new key in a response of upstream is fetched at once", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		m := k.Expired("ann@example.com")
		time.Sleep(2 * second)
		k.Fake.AddKey()
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if jwks := k.Fake.Calls().JWKS; jwks != 2 {
			t.Errorf("keys were fetched %d times", jwks)
		}
	})
	run(t, "published keys that lag behind end no session", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		k.fetchKeys()
		k.Fake.SetJWKS(k.Fake.JWKS())
		k.Fake.AddKey()
		m := k.Expired("ann@example.com")
		for range 60 {
			if _, err := k.authenticate(m); testkit.Outcome(err) != testkit.Unavailable {
				t.Fatalf("meanwhile: %v", err)
			}
			time.Sleep(3 * second)
		}
		k.Fake.SetJWKS(nil)
		time.Sleep(31 * second)
		if _, err := k.authenticate(m); err != nil {
			t.Errorf("once they are published: %v", err)
		}
	})
	hour, minute := time.Hour, time.Minute
	bubbleStart := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		claims map[string]any
	}{
		{name: "is not valid yet", claims: map[string]any{"nbf": bubbleStart.Add(minute).Unix()}},
		{name: "has expired on arrival", claims: map[string]any{"exp": bubbleStart.Add(-minute).Unix(), "iat": bubbleStart.Add(-hour).Unix()}},
	} {
		run(t, "a grant whose JWT, by the local clock, "+test.name+" is not lost", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
			user := k.Fake.NewUser("ann@example.com")
			m := k.Expired("ann@example.com")
			k.Fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) { a["jwt"] = k.Fake.Sign(user, nil, test.claims) }))
			_, err := k.authenticate(m)
			k.want(err, testkit.Unavailable, 1)
			time.Sleep(2 * time.Minute)
			if _, err = k.authenticate(m); err != nil {
				t.Errorf("later: %v", err)
			}
		})
	}
	run(t, "an expired JWT without a refresh token does not hide a session that works", testkit.Config{Session: session.Config{AllowJWTAlone: true}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		m := session.Material{RefreshToken: k.Fake.Grant(user).RefreshToken.Secret}
		_, err := k.authenticate(several(m, jwtOnly(k.Fake.ExpiredJWT(user))))
		k.want(err, testkit.OK, 1)
	})
	run(t, "the refresh token of another user opens the session of that user", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		m := session.Material{JWT: session.NewSecret(k.Fake.ExpiredJWT(ann)), RefreshToken: k.Fake.Grant(bob).RefreshToken.Secret}
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if result.Session.UserID != bob.ID || !k.Has(event.UserChanged) {
			t.Errorf("session of %s, events %v", result.Session.UserID, k.Outcomes())
		}
	})
	run(t, "a JWT alone, with AllowJWTAlone", testkit.Config{Session: session.Config{AllowJWTAlone: true}}, func(t *testing.T, k *kit) {
		user := k.Fake.NewUser("ann@example.com")
		_, err := k.authenticate(jwtOnly(k.Fake.JWT(user)))
		k.want(err, testkit.OK, 0)
		_, err = k.authenticate(jwtOnly(k.Fake.ExpiredJWT(user)))
		k.want(err, testkit.Rejected, 0)
	})
	run(t, "a refresh token of the greatest length is sent to upstream", testkit.Config{}, func(t *testing.T, k *kit) {
		_, err := k.authenticate(refreshToken(strings.Repeat("a", bounds.MaxRefreshTokenBytes)))
		k.want(err, testkit.AskAgain, 1)
	})
	run(t, "oversize tokens are rejected without an upstream call", testkit.Config{}, func(t *testing.T, k *kit) {
		long := session.NewSecret(fmt.Sprintf("%*d", bounds.MaxJWTBytes+1, 0))
		tests := []struct {
			name     string
			material session.Material
			want     error
		}{
			{name: "JWT", material: session.Material{JWT: long}, want: session.ErrRefreshTokenMissing},
			{name: "refresh token", material: session.Material{RefreshToken: long}, want: session.ErrNoMaterial},
			{name: "both", material: session.Material{JWT: long, RefreshToken: long}, want: session.ErrRefreshTokenMissing},
		}
		for _, test := range tests {
			_, err := k.authenticate(test.material)
			k.want(err, testkit.Rejected, 0)
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
	})
}

func TestSeveralPairs(t *testing.T) {
	run(t, "a pair that works is found behind a rejected one", testkit.Config{}, func(t *testing.T, k *kit) {
		works := session.Material{RefreshToken: k.Expired("ann@example.com").RefreshToken}
		rejected := forged("token")
		result, err := k.authenticate(several(rejected, works))
		k.want(err, testkit.OK, 2)
		wantRenewal(t, result, works)
	})
	run(t, "the pair with the correctly signed JWT goes first", testkit.Config{}, func(t *testing.T, k *kit) {
		signed := k.Expired("ann@example.com")
		unsigned := session.Material{JWT: session.NewSecret("no JWT"), RefreshToken: session.NewSecret("forged")}
		result, err := k.authenticate(several(unsigned, signed))
		k.want(err, testkit.OK, 1)
		wantRenewal(t, result, signed)
	})
	run(t, "of two correctly signed JWTs the one that expires last goes first", testkit.Config{}, func(t *testing.T, k *kit) {
		earlier := k.SignIn("ann@example.com")
		time.Sleep(time.Minute)
		later := k.SignIn("bob@example.com")
		result, err := k.authenticate(several(earlier, later))
		k.want(err, testkit.OK, 0)
		if !result.Session.JWT.Equal(later.JWT) {
			t.Error("the JWT that expires first was used")
		}
	})
	run(t, "upstream is asked about two of many tokens, and the cookies stay", testkit.Config{}, func(t *testing.T, k *kit) {
		m := several(forged("1"), forged("2"), forged("3"), forged("4"))
		_, err := k.authenticate(m)
		k.want(err, testkit.Rejected, 2)
		_, err = k.authenticate(m) // the refusals of the first two are cached
		k.want(err, testkit.AskAgain, 4)
	})
	run(t, "a pair that works is found behind a used one", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, other := k.Fake.ExpiredGrant(k.Fake.NewUser("ann@example.com")), k.Fake.ExpiredGrant(k.Fake.NewUser("mallory@example.com"))
		renewed, err := k.authenticate(testkit.Material(ann))
		k.want(err, testkit.OK, 1)
		renewed.Renewed.Delivered(t.Context(), nil)
		time.Sleep(time.Minute)
		result, err := k.authenticate(several(testkit.Material(ann), testkit.Material(other)))
		testkit.NoError(t, err)
		wantRenewal(t, result, testkit.Material(other))
	})
	run(t, "an outage ends the search", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
		_, err := k.authenticate(several(forged("1"), forged("2")))
		k.want(err, testkit.Unavailable, 1)
	})
}

// wantRenewal checks which of the presented pairs was used.
func wantRenewal(t *testing.T, result session.Result, used session.Material) {
	t.Helper()
	if result.Renewed == nil {
		t.Fatal("the session was not renewed")
	}
	if got := result.Renewed.Used; !got.RefreshToken.Equal(used.RefreshToken) || !got.JWT.Equal(used.JWT) {
		t.Error("another pair was used")
	}
}

func TestRefreshTimeout(t *testing.T) {
	run(t, "a request waits ten seconds for all that it needs", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		k.Fake.SetLatency(crossminttest.Refresh, 9900*time.Millisecond)
		_, _ = k.authenticate(k.SignIn("bob@example.com")) // fetches the signing keys
		k.Fake.SetLatency(crossminttest.JWKS, 3*second)
		started := time.Now()
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if waited := time.Since(started); waited > 10*second {
			t.Errorf("waited %v", waited)
		}
	})
	run(t, "a refresh that ends later is found by the next request", testkit.Config{Session: session.Config{RefreshTimeout: second}}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		k.Fake.SetLatency(crossminttest.Refresh, 3*second)
		_, err := k.authenticate(m)
		k.want(err, testkit.Unavailable, 1)
		time.Sleep(time.Minute)
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
	})
	run(t, "a client that disconnects is reported as such", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.SetLatency(crossminttest.Refresh, 3*second)
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(second, leave)
		_, err := k.Authenticate(ctx, k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
		if k.Has(event.Unavailable) || !k.Has(event.Abandoned) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "a timeout is not retried", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.FailAlways(crossminttest.Refresh, crossminttest.Hang())
		_, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.Unavailable, 1)
		time.Sleep(time.Minute)
		k.want(err, testkit.Unavailable, 1)
	})
	run(t, "an incomplete response is retried once", testkit.Config{}, func(t *testing.T, k *kit) {
		k.Fake.Fail(crossminttest.Refresh, crossminttest.LoseResponse())
		_, err := k.authenticate(k.Expired("ann@example.com"))
		k.want(err, testkit.OK, 2)
		k.Fake.Fail(crossminttest.Refresh, crossminttest.Truncate(), crossminttest.LoseResponse())
		_, err = k.authenticate(k.Expired("bob@example.com"))
		k.want(err, testkit.Unavailable, 4)
	})
	run(t, "a request that was not sent is retried within a second", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		_, _ = k.authenticate(k.SignIn("bob@example.com"))
		k.Fake.Down()
		go func() {
			time.Sleep(200 * time.Millisecond)
			_ = k.Fake.Up()
		}()
		_, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
	})
}

// countingUpstream counts the JWTs that it verifies.
type countingUpstream struct {
	session.Upstream
	verified *atomic.Int64
}

func (u countingUpstream) Verify(ctx context.Context, jwt string, now time.Time) (*session.Token, error) {
	u.verified.Add(1)
	return u.Upstream.Verify(ctx, jwt, now)
}

// The cost of a request is bounded, however many cookies it brings.
func TestManyPairs(t *testing.T) {
	run(t, "cost eight verifications", testkit.Config{}, func(t *testing.T, k *kit) {
		var verified atomic.Int64
		m := k.NewManager(session.Config{Upstream: countingUpstream{k.Client, &verified}})
		many := make([]session.Material, 100)
		for i := range many {
			many[i] = jwtOnly(fmt.Sprint("jwt", i))
		}
		_, err := m.Authenticate(t.Context(), several(many...))
		k.want(err, testkit.Rejected, 0)
		if got := verified.Load(); got != 8 {
			t.Errorf("%d JWTs were verified, want 8", got)
		}
	})
	run(t, "cost two logouts", testkit.Config{}, func(t *testing.T, k *kit) {
		many := make([]session.Material, 8)
		for i := range many {
			many[i] = forged(fmt.Sprint(i))
		}
		_ = k.Logout(t.Context(), several(many...), session.NewSecret("from the body"))
		if got := k.Fake.Calls().Logout; got != 2 {
			t.Errorf("%d calls of upstream's logout, want 2", got)
		}
	})
}

// A Material can be used again: it shares nothing with the sessions that it
// opened.
func TestMaterialUsedTwice(t *testing.T) {
	run(t, "opens two sessions", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.SignIn("ann@example.com")
		first, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		second, err := k.authenticate(m)
		k.want(err, testkit.OK, 0)
		if first.Session == second.Session {
			t.Error("both uses share one session")
		}
	})
}

// A logout is not a refusal. The response to the logout deletes the cookies; a
// later response must not, because it may meet the cookies of a new sign-in.
func TestLoggedOutPair(t *testing.T) {
	run(t, "is skipped, and its cookies stay", testkit.Config{}, func(t *testing.T, k *kit) {
		loggedOut, works := k.Expired("ann@example.com"), k.Expired("ann@example.com")
		_ = k.Logout(t.Context(), loggedOut, none)
		loggedOut.JWT, works.JWT = none, none
		result, err := k.authenticate(several(loggedOut, works))
		k.want(err, testkit.OK, 1)
		wantRenewal(t, result, works)
	})
}

// A grant that cannot be verified during an outage of the keys is verified after it.
func TestUnverifiedGrantAfterOutage(t *testing.T) {
	run(t, "serves the user, and upstream is not asked again", testkit.Config{Fake: crossminttest.Config{Reuse: crossminttest.ReuseRefuse}}, func(t *testing.T, k *kit) {
		token := k.Fake.Grant(k.Fake.NewUser("ann@example.com")).RefreshToken.Secret.Reveal()
		k.Fake.FailAlways(crossminttest.JWKS, testkit.BadGateway())
		_, err := k.authenticate(refreshToken(token))
		k.want(err, testkit.Unavailable, 1)
		k.Fake.Heal()
		time.Sleep(11 * time.Minute)
		_, err = k.authenticate(refreshToken(token))
		k.want(err, testkit.OK, 1)
	})
}

// An event quotes the user ID of a JWT, which may hold any characters.
func TestChangedUserIsQuoted(t *testing.T) {
	run(t, "in the event", testkit.Config{}, func(t *testing.T, k *kit) {
		ann, bob := k.Fake.NewUser("ann@example.com"), k.Fake.NewUser("bob@example.com")
		evil := k.Fake.Sign(ann, nil, map[string]any{"sub": "x\n\x1b[31m\u2028level=ERROR", "iat": 946_600_000, "exp": 946_603_600}) // of 1999
		_, err := k.authenticate(session.Material{JWT: session.NewSecret(evil), RefreshToken: k.Fake.Grant(bob).RefreshToken.Secret})
		k.want(err, testkit.OK, 1)
		if !k.Has(event.UserChanged) {
			t.Errorf("events = %v", k.Outcomes())
		}
		for _, e := range k.All() {
			if e.Err != nil && strings.ContainsAny(e.Err.Error(), "\n\x1b\u2028") {
				t.Errorf("%s: %q", e.Outcome, e.Err)
			}
		}
	})
}

func TestBearerToken(t *testing.T) {
	tests := []struct {
		name          string
		authorization []string
		jwt           string
		present       bool
	}{
		{name: "none"},
		{name: "one", authorization: []string{"Bearer a.b.c"}, jwt: "a.b.c", present: true},
		{name: "another case", authorization: []string{"bEARER  a.b.c "}, jwt: "a.b.c", present: true},
		{name: "another scheme", authorization: []string{"Basic YTpi"}},
		{name: "the scheme alone", authorization: []string{"Bearer"}, present: true},
		{name: "two", authorization: []string{"Bearer a.b.c", "Bearer d.e.f"}, present: true},
		{name: "one beside another scheme", authorization: []string{"Basic YTpi", "Bearer a.b.c"}, present: true},
	}
	for _, test := range tests {
		jwt, present := session.BearerToken(test.authorization...)
		if jwt.Reveal() != test.jwt || present != test.present {
			t.Errorf("%s: %q, %v", test.name, jwt.Reveal(), present)
		}
	}
}

// A pair of another project does not belong to this program: its refresh token is
// not sent, and its cookies stay.
func TestOtherProject(t *testing.T) {
	foreign := func(k *kit) session.Material {
		jwt := session.NewSecret(k.Fake.ForeignJWT(k.Fake.NewUser("ann@example.com")))
		return session.Material{JWT: jwt, RefreshToken: session.NewSecret("of another project")}
	}
	calls := []struct {
		name string
		do   func(k *kit, m session.Material) error
	}{
		{name: "Authenticate", do: func(k *kit, m session.Material) error { _, err := k.authenticate(m); return err }},
		{name: "Refresh", do: func(k *kit, m session.Material) error { _, err := k.Refresh(k.t.Context(), m, none); return err }},
		{name: "Logout", do: func(k *kit, m session.Material) error { return k.Logout(k.t.Context(), m, none) }},
	}
	for _, test := range calls {
		run(t, test.name+" of such a pair alone", testkit.Config{}, func(t *testing.T, k *kit) {
			err := test.do(k, foreign(k))
			k.want(err, testkit.Rejected, 0)
			if !errors.Is(err, session.ErrOtherProject) || k.Fake.Calls().Logout != 0 {
				t.Errorf("err = %v, %d logouts", err, k.Fake.Calls().Logout)
			}
		})
		run(t, test.name+" beside a pair of this project", testkit.Config{}, func(t *testing.T, k *kit) {
			own := k.SignIn("bob@example.com")
			if err := test.do(k, several(foreign(k), own)); err != nil {
				t.Errorf("err = %v", err)
			}
			if calls := k.Fake.Calls(); calls.Refresh+calls.Logout > 1 {
				t.Errorf("the token of the other project was sent: %+v", calls)
			}
		})
	}
}
