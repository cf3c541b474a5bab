// Command figures measures what docs/figures.md claims, on this machine:
//
//	go run ./integration_test/figures
//
// It talks to itself over 127.0.0.1, takes some minutes and stops by itself.
// Name figures to measure only those: herd, flood, garbage, hour.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
)

// figure is one thing to measure.
type figure struct {
	name, about string
	measure     func() error
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	fmt.Printf("%s, %s/%s, %d processors\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	for _, f := range []figure{
		{"herd", "1,000 open connections, one expired JWT, single-use refresh tokens", herd},
		{"flood", "refreshes of signed users while 1,000 made-up refresh tokens a second arrive", flood},
		{"garbage", "10 million distinct made-up tokens", garbage},
		{"hour", "an hour's worth of load: 3.6 million requests, every tenth a refresh", hour},
	} {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), f.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", f.name, f.about)
		if err := f.measure(); err != nil {
			fmt.Println("  failed:", err)
			os.Exit(1)
		}
	}
}
