package session_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

func TestSessionTimes(t *testing.T) {
	run(t, "are those of the JWT", testkit.Config{Fake: crossminttest.Config{JWTLifetime: time.Hour}}, func(t *testing.T, k *kit) {
		signedIn := time.Now()
		m := k.SignIn("ann@example.com")
		time.Sleep(time.Minute)
		result, err := k.authenticate(m)
		testkit.NoError(t, err)
		if s := result.Session; !s.IssuedAt.Equal(signedIn) || !s.ExpiresAt.Equal(signedIn.Add(time.Hour)) {
			t.Errorf("from %v to %v, want an hour from %v", s.IssuedAt, s.ExpiresAt, signedIn)
		}
		time.Sleep(time.Hour)
		renewed, err := k.authenticate(m)
		testkit.NoError(t, err)
		if s := renewed.Session; !s.IssuedAt.Equal(time.Now()) || !s.ExpiresAt.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("renewed from %v to %v, want an hour from %v", s.IssuedAt, s.ExpiresAt, time.Now())
		}
	})
	run(t, "IssuedAt is zero without an iat", testkit.Config{}, func(t *testing.T, k *kit) {
		expiresAt := time.Now().Add(time.Hour)
		jwt := k.Fake.Sign(k.Fake.NewUser("ann@example.com"), nil, map[string]any{"iat": nil, "exp": expiresAt.Unix()})
		result, err := k.Verify(t.Context(), session.NewSecret(jwt))
		if err != nil || !result.Session.IssuedAt.IsZero() || !result.Session.ExpiresAt.Equal(expiresAt) {
			t.Errorf("%+v, %v", result.Session, err)
		}
	})
}

// requestData stands for the memory of a request, for example an upload.
type requestData [1 << 20]byte

// isCollected reports whether the garbage collector frees the data.
func isCollected(data weak.Pointer[requestData]) bool {
	for range 10 {
		runtime.GC()
		if data.Value() == nil {
			return true
		}
	}
	return false
}

// tokenStore is a coordinator that keeps every token, for example until its
// store can be reached again.
type tokenStore struct {
	session.Coordinator
	tokens []session.Secret
}

func (s *tokenStore) Do(ctx context.Context, token session.Secret, calls session.UpstreamCalls) (session.Shared, error) {
	s.tokens = append(s.tokens, token)
	g, _, err := calls.Fetch(ctx, token, nil)
	return session.Shared{Grant: g}, err
}

func (*tokenStore) Close(context.Context) error { return nil }

// A program may keep a session, and a coordinator a token, for longer than the
// request. That must not keep the memory of the request.
func TestKeptSessionDoesNotKeepTheRequest(t *testing.T) {
	store := &tokenStore{}
	k := testkit.New(t, testkit.Config{Fake: crossminttest.Config{InMemory: true}, Session: session.Config{Coordinator: store}})
	tests := []struct {
		name     string
		material session.Material
	}{
		{name: "valid", material: k.SignIn("ann@example.com")},
		{name: "renewed", material: k.Expired("bob@example.com")},
	}
	for _, test := range tests {
		kept, data := func() (*session.AuthSession, weak.Pointer[requestData]) {
			data := new(requestData)
			type key struct{}
			ctx := context.WithValue(t.Context(), key{}, data)
			result, err := k.Manager.Authenticate(ctx, test.material)
			testkit.NoError(t, err)
			ctx = result.NewContext(ctx, nil)
			s, _ := session.FromContext(ctx)
			runtime.KeepAlive(ctx)
			return s, weak.Make(data)
		}()
		if !isCollected(data) {
			t.Errorf("%s: the session keeps the memory of the request", test.name)
		}
		runtime.KeepAlive(kept)
	}
	if len(store.tokens) != 1 {
		t.Errorf("the coordinator has %d tokens, want 1", len(store.tokens))
	}
	runtime.KeepAlive(store)
}

func TestRenewalDelivery(t *testing.T) {
	run(t, "an undelivered session is given again, for an hour", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		first, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		first.Renewed.Delivered(t.Context(), errors.New("the client disconnected"))
		if !k.Has(event.NotDelivered) {
			t.Errorf("events = %v", k.Outcomes())
		}
		time.Sleep(50 * time.Minute)
		again, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if !again.Session.JWT.Equal(first.Session.JWT) {
			t.Error("another session was given")
		}
	})
	run(t, "a delivered one for the grace period", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		if err := result.Check(); err != nil {
			t.Errorf("Check = %v", err)
		}
		result.Renewed.Delivered(t.Context(), nil)
		time.Sleep(9 * second)
		_, err = k.authenticate(m)
		k.want(err, testkit.OK, 1)
		time.Sleep(time.Minute)
		_, err = k.authenticate(m)
		k.want(err, testkit.Rejected, 2)
		if k.Has(event.NotDelivered) {
			t.Errorf("events = %v", k.Outcomes())
		}
	})
	run(t, "must not follow a logout", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		_ = k.Logout(t.Context(), m, none)
		if err := result.Check(); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("Check = %v", err)
		}
	})
	run(t, "must not follow a new sign-in in the same browser", testkit.Config{}, func(t *testing.T, k *kit) {
		m := k.Expired("ann@example.com")
		result, err := k.authenticate(m)
		k.want(err, testkit.OK, 1)
		secret := session.NewSecret(k.Fake.OneTimeSecret(k.Fake.NewUser("bob@example.com")))
		signedIn, err := k.Manager.SignIn(t.Context(), m, secret)
		testkit.NoError(t, err)
		signedIn.Renewed.Delivered(t.Context(), nil)
		if err := result.Check(); !errors.Is(err, session.ErrLoggedOut) {
			t.Errorf("Check of the former session = %v", err)
		}
		if err := signedIn.Check(); err != nil {
			t.Errorf("Check of the new session = %v", err)
		}
	})
}
