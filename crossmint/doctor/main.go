// Command doctor checks the Crossmint API key of a program, upstream's signing keys
// and the clock, and says why a JWT is accepted or refused:
//
//	CROSSMINT_API_KEY=… go run github.com/crossmint-go/auth/crossmint/doctor
//	… doctor -jwt < token.txt
//
// It only fetches the signing keys, and sends neither the API key nor the JWT. It
// prints no part of either, except the prefix and the project of the key and
// the claims that decide: of an accepted JWT the user ID, which also stands in the
// log of the program, and the expiry.
//
// The exit status is 1 if something is wrong, and 2 for an invalid flag.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	config := crossmint.Config{APIKey: session.NewSecret(os.Getenv("CROSSMINT_API_KEY"))}
	status := run(ctx, os.Args[1:], config, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run returns the exit status.
func run(ctx context.Context, args []string, config crossmint.Config, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&config.BaseURL, "base-url", config.BaseURL, "`URL` of upstream, as crossmint.Config.BaseURL")
	flags.StringVar(&config.Audience, "audience", config.Audience, "audience of JWTs, as crossmint.Config.Audience")
	flags.StringVar(&config.Issuer, "issuer", config.Issuer, "issuer of JWTs, as crossmint.Config.Issuer")
	flags.BoolVar(&config.AllowClientKey, "client-key", config.AllowClientKey, "accept a client key, as crossmint.Config.AllowClientKey")
	environment := flags.String("environment", string(config.RequireEnvironment), "environment that the key must have, as crossmint.Config.RequireEnvironment")
	withJWT := flags.Bool("jwt", false, "read a JWT from standard input")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0: // it may be a secret
		_, _ = io.WriteString(stderr, "doctor: no arguments are accepted beside flags; -jwt reads a JWT from standard input\n")
		return 2
	}
	config.RequireEnvironment = crossmint.Environment(*environment)
	if !*withJWT {
		stdin = nil
	}
	if examine(ctx, config, stdin, stdout) > 0 {
		return 1
	}
	return 0
}
