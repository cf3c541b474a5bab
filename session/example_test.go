package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A session from two tokens, without HTTP. It is the documented
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
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e event.Event) {
		fmt.Println("event:", e.Outcome)
	}})
	if err != nil {
		panic(err)
	}
	defer sessions.Close(context.Background())

	// The next morning a user comes with an expired JWT and a refresh token.
	grant := fake.ExpiredGrant(fake.NewUser("ann@example.com"))
	result, err := sessions.Authenticate(context.Background(),
		testkit.Material(grant))

	var rejected *session.AuthenticationError
	switch {
	case errors.As(err, &rejected):
		fmt.Println("401:", rejected.Message, "- delete the cookies:", rejected.Clear)
	case err != nil:
		fmt.Println("503: try again later:", err)
	default:
		fmt.Println("signed in:", result.Session.UserID == grant.User.ID, "- store the renewed session:", result.Renewed != nil)
	}
	// Output:
	// event: refreshed
	// signed in: true - store the renewed session: true
}

// The test of a handler makes its own session.
func ExampleNewContext() {
	ctx := session.NewContext(context.Background(), &session.AuthSession{UserID: "ann"})

	s, ok := session.FromContext(ctx)
	fmt.Println(s.UserID, ok)
	// Output: ann true
}

// The claims of a JWT that [session.AuthSession] has no field for, for example the
// roles of a project.
func ExampleClaims() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	jwt := fake.Sign(fake.NewUser("ann@example.com"), nil, map[string]any{"roles": []string{"admin"}})
	ctx := session.NewContext(context.Background(), &session.AuthSession{JWT: session.NewSecret(jwt)})

	type claims struct {
		Roles []string `json:"roles"`
	}
	got, err := session.Claims[claims](ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(got.Roles)
	// Output: [admin]
}

// Only Reveal returns the text of a secret.
func ExampleSecret() {
	secret := session.NewSecret("s3cr3t")
	fmt.Printf("%v %+v %s\n", secret, struct{ s session.Secret }{secret}.s, secret.Reveal())
	// Output: [redacted] [redacted] s3cr3t
}
