package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// A session from two tokens, without HTTP: the documented
// getSession(material).
func ExampleManager_Authenticate() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		panic(err)
	}
	defer client.Close()
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e session.Event) {
		fmt.Println("event:", e.Outcome)
	}})
	if err != nil {
		panic(err)
	}
	defer sessions.Close(context.Background())

	// What somebody has in the morning: an expired JWT, and a refresh token.
	grant := fake.ExpiredGrant(fake.NewUser("ann@example.com"))
	result, err := sessions.Authenticate(context.Background(),
		session.NewMaterial(grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal()))

	var rejected *session.AuthenticationError
	switch {
	case errors.As(err, &rejected):
		fmt.Println("401:", rejected.Message, "- clear what is stored:", rejected.Clear)
	case err != nil:
		fmt.Println("503: try again in", session.RetryAfter(err))
	default:
		fmt.Println("signed in:", result.Session.UserID == grant.User.ID, "- store what was renewed:", result.Renewed != nil)
	}
	// Output:
	// event: refreshed
	// signed in: true - store what was renewed: true
}

// Handlers are tested with a session of the test's own making.
func ExampleNewContext() {
	ctx := session.NewContext(context.Background(), &session.AuthSession{UserID: "ann"})

	s, ok := session.FromContext(ctx)
	fmt.Println(s.UserID, ok)
	// Output: ann true
}

// What else the JWT says, such as the roles of a project of your own.
func ExampleAuthSession_Claims() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	jwt := fake.Sign(fake.NewUser("ann@example.com"), nil, map[string]any{"roles": []string{"admin"}})
	s := &session.AuthSession{JWT: session.NewSecret(jwt)}

	var claims struct {
		Roles []string `json:"roles"`
	}
	if err := s.Claims(&claims); err != nil {
		panic(err)
	}
	fmt.Println(claims.Roles)
	// Output: [admin]
}

// A secret shows itself only on demand.
func ExampleSecret() {
	secret := session.NewSecret("s3cr3t")
	fmt.Printf("%v %+v %s\n", secret, struct{ s session.Secret }{secret}.s, secret.Reveal())
	// Output: [redacted] [redacted] s3cr3t
}
