package crossminttest_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// inBubble runs a test in a synctest bubble, with a fake in memory.
func inBubble(t *testing.T, config crossminttest.Config, test func(*testing.T, *crossminttest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		config.InMemory = true
		test(t, start(t, config))
	})
}

func TestRefreshRotates(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	signedIn := fake.Grant(fake.NewUser("ada@example.com"))

	got := mustRefresh(t, fake, signedIn.RefreshToken.Secret.Reveal())

	if got.Refresh.Secret == signedIn.RefreshToken.Secret.Reveal() {
		t.Error("the refresh token is the old one")
	}
	if len(got.Refresh.Secret) != 43 {
		t.Errorf("secret of %d characters, want 43", len(got.Refresh.Secret))
	}
	if got.JWT == signedIn.JWT.Reveal() {
		t.Error("the JWT is the old one")
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", got.Refresh.ExpiresAt); err != nil {
		t.Error(err)
	}
	if got.User.ID != signedIn.User.ID || got.User.Email != "ada@example.com" {
		t.Errorf("user = %+v, want %+v", got.User, signedIn.User)
	}
	if n := fake.LiveOf(signedIn.User.ID); n != 1 {
		t.Errorf("live tokens = %d, want 1", n)
	}
}

func TestReuse(t *testing.T) {
	tests := map[string]struct {
		policy      crossminttest.ReusePolicy
		after       time.Duration
		accepted    bool
		newestLives bool
	}{
		"grace, in time":   {policy: crossminttest.ReuseGrace, after: 29 * time.Second, accepted: true, newestLives: true},
		"grace, too late":  {policy: crossminttest.ReuseGrace, after: 30 * time.Second, accepted: false, newestLives: true},
		"refuse":           {policy: crossminttest.ReuseRefuse, after: 0, accepted: false, newestLives: true},
		"revokes a family": {policy: crossminttest.ReuseRevokesFamily, after: 0, accepted: false, newestLives: false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, crossminttest.Config{Reuse: test.policy}, func(t *testing.T, fake *crossminttest.Server) {
				old := fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
				first := mustRefresh(t, fake, old)
				time.Sleep(test.after)
				if live := fake.Live(old); live != test.accepted {
					t.Errorf("Live = %v before the reuse, want %v", live, test.accepted)
				}
				if test.accepted {
					if diff := cmp.Diff(first, mustRefresh(t, fake, old)); diff != "" {
						t.Errorf("another successor (-first +second):\n%s", diff)
					}
				} else {
					mustReject(t, fake, old)
				}
				if live := fake.Live(first.Refresh.Secret); live != test.newestLives {
					t.Errorf("the newest token is live: %v, want %v", live, test.newestLives)
				}
			})
		})
	}
}

func TestReuseThroughAChain(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		a := fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
		b := mustRefresh(t, fake, a).Refresh.Secret
		time.Sleep(20 * time.Second)
		c := mustRefresh(t, fake, b).Refresh.Secret
		if got := mustRefresh(t, fake, a).Refresh.Secret; got != c {
			t.Error("the response to the first token is not the newest one")
		}
		time.Sleep(20 * time.Second) // the grace of a has ended, that of b has not
		mustReject(t, fake, a)
		if got := mustRefresh(t, fake, b).Refresh.Secret; got != c {
			t.Error("the response to the second token is not the newest one")
		}
	})
}

func TestReuseRenewsAnExpiredJWT(t *testing.T) {
	config := crossminttest.Config{JWTLifetime: 10 * time.Second}
	inBubble(t, config, func(t *testing.T, fake *crossminttest.Server) {
		old := fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
		first := mustRefresh(t, fake, old)
		time.Sleep(config.JWTLifetime)
		second := mustRefresh(t, fake, old)
		if first.Refresh != second.Refresh {
			t.Error("another refresh token")
		}
		if first.JWT == second.JWT {
			t.Error("the same JWT, though it has expired")
		}
	})
}

func TestParallelReuseHasOneSuccessor(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("")
	old := fake.Grant(user).RefreshToken.Secret.Reveal()
	successors := make([]string, 20)
	var wg sync.WaitGroup
	for i := range successors {
		wg.Go(func() {
			_, g := refresh(t, fake, old)
			successors[i] = g.Refresh.Secret
		})
	}
	wg.Wait()
	for _, secret := range successors {
		if secret == "" || secret != successors[0] {
			t.Fatalf("successors differ: %q", successors)
		}
	}
	if n := fake.LiveOf(user.ID); n != 1 {
		t.Errorf("live tokens = %d, want 1", n)
	}
}

func TestRefreshTokenExpires(t *testing.T) {
	inBubble(t, crossminttest.Config{RefreshTokenLifetime: time.Hour}, func(t *testing.T, fake *crossminttest.Server) {
		user := fake.NewUser("")
		secret := fake.Grant(user).RefreshToken.Secret.Reveal()
		time.Sleep(59 * time.Minute)
		secret = mustRefresh(t, fake, secret).Refresh.Secret
		time.Sleep(time.Hour)
		if n := fake.LiveOf(user.ID); n != 0 {
			t.Errorf("live tokens = %d, want 0", n)
		}
		mustReject(t, fake, secret)
	})
}

func TestOneTimeSecretWorksOnce(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	secret := fake.OneTimeSecret(fake.NewUser("ada@example.com"))
	if !fake.Live(secret) {
		t.Error("a new secret is not live")
	}
	if got := mustRefresh(t, fake, secret); got.User.Email != "ada@example.com" {
		t.Errorf("user = %+v", got.User)
	}
	mustReject(t, fake, secret)
}

func TestLogoutRevokesTheFamily(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("")
	here, elsewhere := fake.Grant(user), fake.Grant(user)
	newest := mustRefresh(t, fake, here.RefreshToken.Secret.Reveal()).Refresh.Secret

	// The token is consumed, but in its grace.
	got := mustCall(t, fake, "POST", authPath+"/logout", tokenBody(here.RefreshToken.Secret.Reveal()))

	if got.status != http.StatusOK || string(got.body) != "{}" {
		t.Errorf("logout: %d %s, want 200 {}", got.status, got.body)
	}
	mustReject(t, fake, newest)
	if !fake.Live(elsewhere.RefreshToken.Secret.Reveal()) {
		t.Error("another sign-in of the user is revoked, too")
	}
}

func TestLogoutWithAnOldTokenRevokesNothing(t *testing.T) {
	fake := start(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	old := fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
	newest := mustRefresh(t, fake, old).Refresh.Secret
	if got := mustCall(t, fake, "POST", authPath+"/logout", tokenBody(old)); got.status != http.StatusOK {
		t.Errorf("logout: status %d, want 200", got.status)
	}
	if !fake.Live(newest) {
		t.Error("the newest token is revoked")
	}
}

func TestRevoke(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	user := fake.NewUser("")
	old := fake.Grant(user).RefreshToken.Secret.Reveal()
	newest := mustRefresh(t, fake, old).Refresh.Secret
	fake.Revoke(old)
	mustReject(t, fake, newest)

	other, login := fake.Grant(user).RefreshToken.Secret.Reveal(), fake.OneTimeSecret(user)
	fake.RevokeUser(user.ID)
	mustReject(t, fake, other)
	mustReject(t, fake, login)
}

func TestRefreshWithoutAToken(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	for _, body := range []string{"", "{}", `{"refresh":1}`, `{"refresh":""}`, "[]"} {
		if got := mustCall(t, fake, "POST", authPath+"/refresh", body); got.status != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 400", body, got.status)
		}
	}
	got := mustCall(t, fake, "POST", authPath+"/refresh", tokenBody("unknown"))
	if want := `{"error":"Unauthorized","message":"Invalid refresh token"}`; string(got.body) != want {
		t.Errorf("body = %s, want %s", got.body, want)
	}
}
