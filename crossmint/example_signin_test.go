package crossmint_test

import (
	"context"
	"fmt"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// A program sends the challenge to its page, where the wallet signs it. The
// resulting one-time secret goes to session.Manager.Refresh, like that of an
// e-mail code.
func ExampleClient_StartWallet() {
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

	ctx, address := context.Background(), "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
	challenge, err := client.StartWallet(ctx, address, "ethereum")
	if err != nil {
		panic(err)
	}
	signature := "0x…" // of the challenge, by the wallet
	secret, err := client.FinishWallet(ctx, address, "ethereum", signature)
	fmt.Println(len(challenge) > 0, secret, err)
	// Output: true [redacted] <nil>
}
