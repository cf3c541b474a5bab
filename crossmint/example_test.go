package crossmint_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// A client verifies the JWT of a request. The fake replaces Crossmint here; a
// program only passes its own API key.
func Example() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()

	client, err := crossmint.NewClient(fake.Config()) // crossmint.Config{APIKey: …}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ada := session.User{ID: "ada"}
	for _, jwt := range []string{fake.JWT(ada), fake.ExpiredJWT(ada), fake.ForgedJWT(ada)} {
		token, err := client.Verify(context.Background(), jwt, time.Now())
		switch {
		case err == nil:
			fmt.Println("signed in:", token.UserID)
		case errors.Is(err, session.ErrJWTExpired):
			fmt.Println("has to refresh:", token.UserID)
		case errors.Is(err, session.ErrUnavailable):
			fmt.Println("no decision: try again later")
		default:
			fmt.Println("not signed in")
		}
	}
	// Output:
	// signed in: ada
	// has to refresh: ada
	// not signed in
}

// A program that has the signing keys already verifies without any call.
func ExampleClient_VerifyWith() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	token, err := client.VerifyWith(fake.JWKS(), fake.JWT(session.User{ID: "ada"}))
	fmt.Println(token.UserID, err)
	fmt.Println("calls:", fake.Calls().JWKS)
	// Output:
	// ada <nil>
	// calls: 0
}
