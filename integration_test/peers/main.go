// Command peers measures what one protected request costs, its session valid,
// behind this module and behind others, on this machine:
//
//	go -C integration_test/peers run .
//
// It talks to itself over 127.0.0.1, installs the JavaScript packages if they
// are not there, takes some minutes and stops by itself. It ends with status 1
// if a target is missed. README.md says who takes part and how.
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

// patience bounds the whole run.
const patience = 30 * time.Minute

func main() {
	log.SetFlags(0)
	if name := os.Getenv(serveVariable); name != "" {
		if err := serve(name, os.Stdin, os.Stdout); err != nil {
			log.Fatal(name, ": ", err)
		}
		return
	}
	quick := flag.Bool("quick", false, "tiny rounds, whose figures mean nothing: to see that it works")
	js := flag.Bool("js", true, "measure Node, too; without it the command cannot pass")
	flag.Parse()
	p := full
	if *quick {
		p = tiny
	}
	p.js = *js
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
	for _, measure := range []func(context.Context, plan, *upstream, *report) error{direct, twoCores, firstSight, manySessions, throughput} {
		if err := measure(ctx, p, up, r); err != nil {
			return false, err
		}
	}
	return r.judge(), nil
}

// plan says how much is measured.
type plan struct {
	js bool
	// rounds is how often everything is measured, but for what is served
	// over HTTP; medians count. Many short rounds tell more than few long
	// ones: what disturbs a machine seldom lasts long.
	rounds int
	// starts is how often all servers start, and servings how often each is
	// measured then: where a process lies in memory makes it faster or slower,
	// by up to a hundredth, for as long as it lives.
	starts, servings int
	// fast and slow are the direct calls of a round, of what needs no
	// signature check and of what needs one.
	fast, slow int
	// tokens is how many new tokens a round of first sights takes.
	tokens int
	// sessions are the numbers of distinct sessions.
	sessions []int
	// requests and slowRequests are those of a round over HTTP; the latter
	// are for whoever checks a signature.
	requests, slowRequests int
}

// calls returns how many direct calls of a contender a round has.
func (p plan) calls(k kind) int {
	if k.checks() {
		return p.slow
	}
	return p.fast
}

// requestsOf returns how many requests over HTTP a round has.
func (p plan) requestsOf(k kind) int {
	if k.checks() {
		return p.slowRequests
	}
	return p.requests
}

var (
	full = plan{rounds: 31, starts: 5, servings: 21, fast: 50_000, slow: 400, tokens: 100, sessions: []int{10_000, 100_000, 1_000_000}, requests: 3_000, slowRequests: 1_000}
	tiny = plan{rounds: 2, starts: 2, servings: 2, fast: 500, slow: 20, tokens: 20, sessions: []int{500, 2_000}, requests: 300, slowRequests: 60}
)

func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
