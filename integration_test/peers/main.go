// Command peers measures the cost of a protected request with a valid session, with
// this module and with others, on this machine:
//
//	go -C integration_test/peers run .
//
// It connects to itself over 127.0.0.1, installs the JavaScript packages if they
// are missing, and takes some minutes. It ends with status 1 if a target is
// missed. README.md lists the contenders and describes the method.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"time"
)

// runTimeout bounds the whole run, also on a busy machine.
const runTimeout = time.Hour

func main() {
	log.SetFlags(0)
	if name := os.Getenv(serveVariable); name != "" {
		if err := serve(name, os.Stdin, os.Stdout); err != nil {
			log.Fatal(name, ": ", err)
		}
		return
	}
	quick := flag.Bool("quick", false, "tiny rounds, to test the program: their figures mean nothing")
	js := flag.Bool("js", true, "measure Node, too; without it the command cannot pass")
	flag.Parse()
	p := full
	if *quick {
		p = tiny
	}
	p.js = *js
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	defer cancel()
	passed, err := run(ctx, p, os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	if !passed {
		os.Exit(1)
	}
}

// run measures by the plan, prints to out and reports whether all targets are
// met.
func run(ctx context.Context, p plan, out io.Writer) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	up, err := newUpstream("RS256")
	if err != nil {
		return false, err
	}
	defer up.close()
	r := &report{out: out}
	r.printf("%s, %s/%s, %d processors\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, measure := range []func(context.Context, plan, *upstream, *report) error{
		directCalls, claimReads, silentRefresh, twoCores, firstVerification, manySessions, exampleAPI, throughput,
	} {
		if err := measure(ctx, p, up, r); err != nil {
			return false, err
		}
	}
	return r.checkTargets(), nil
}

// plan holds the numbers of rounds and calls.
type plan struct {
	js bool
	// rounds is the number of rounds of everything that is not served over
	// HTTP; medians count. Many short rounds are better than few long ones,
	// because disturbances are short.
	rounds int
	// starts is the number of starts of all servers, servings the number of
	// measurements after each start. The memory layout of a process changes its
	// speed by up to 1 %.
	starts, servings int
	// fast and slow are the direct calls of a round without and with a
	// signature check.
	fast, slow int
	// tokens is the number of new tokens in a round of firstVerification.
	tokens int
	// sessions are the numbers of distinct sessions.
	sessions []int
	// requests and slowRequests are the requests of a round over HTTP without
	// and with a signature check.
	requests, slowRequests int
}

// calls returns the number of direct calls of a contender in a round.
func (p plan) calls(k kind) int {
	if k.checksSignature() {
		return p.slow
	}
	return p.fast
}

// requestsOf returns the number of requests over HTTP in a round.
func (p plan) requestsOf(k kind) int {
	if k.checksSignature() {
		return p.slowRequests
	}
	return p.requests
}

var (
	full = plan{rounds: 61, starts: 5, servings: 21, fast: 20_000, slow: 160, tokens: 100, sessions: []int{10_000, 100_000, 1_000_000}, requests: 3_000, slowRequests: 1_200}
	tiny = plan{rounds: 2, starts: 2, servings: 2, fast: 512, slow: 32, tokens: 20, sessions: []int{500, 2_000}, requests: 600, slowRequests: 60}
)

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
