package nats_test

import (
	"context"
	"fmt"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/nats"
)

// Every instance of the fleet is built like this. Neither New needs the servers to be
// there: the store connects when there is a refresh to share.
func Example() {
	fake, err := crossminttest.New(crossminttest.Config{}) // stands for Crossmint
	check(err)
	defer fake.Close()
	client, err := crossmint.NewClient(fake.Config())
	check(err)
	defer client.Close()

	fleet, err := nats.New(nats.Config{
		URL:             session.NewSecret("tls://nats-1.internal:4222,tls://nats-2.internal:4222"),
		CredentialsFile: "app.creds",
		Replicas:        3,
		Secret:          session.NewSecret("7oqkJqXb3JmnJ0WQk3cWz2q5mJY0yQ4dW3l4b8Tq0nE="), // openssl rand -base64 32
	})
	check(err)
	sessions, err := session.NewManager(session.Config{Upstream: client, Coordinator: fleet})
	check(err)
	defer sessions.Close(context.Background()) // closes fleet, too

	grant := fake.Grant(fake.NewUser("ada@example.com"))
	result, err := sessions.Authenticate(context.Background(), testkit.Material(grant))
	check(err)
	fmt.Println(result.Session.UserID == grant.User.ID)
	// Output: true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
