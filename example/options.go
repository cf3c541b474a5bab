package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
)

const apiKeyVariable = "CROSSMINT_API_KEY"

// options are what the command line and the environment say.
type options struct {
	addr           *net.TCPAddr
	apiKey         string // empty: the fake
	allowClientKey bool
	upstream       string // empty: the environment of the API key
}

func parseFlags(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	flags := flag.NewFlagSet("example", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is one line, which run prints
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	upstream := flags.String("upstream", "", "base `URL` of Crossmint's API instead of the API key's own; needs "+apiKeyVariable)
	allowClientKey := flags.Bool("allow-client-key", false, "take a client key (ck_…) as the API key, too")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.PrintDefaults()
		}
		return options{}, err
	}
	o := options{apiKey: getenv(apiKeyVariable), allowClientKey: *allowClientKey, upstream: *upstream}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.upstream != "" && o.apiKey == "":
		return options{}, errors.New("-upstream needs an API key in the environment variable " + apiKeyVariable)
	}
	// Resolved once: the server listens on the address that was checked.
	var err error
	o.addr, err = net.ResolveTCPAddr("tcp", *addr)
	if err != nil {
		return options{}, fmt.Errorf("-addr: %w", err)
	}
	return o, nil
}
