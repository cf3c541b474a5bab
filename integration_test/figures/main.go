// Command figures measures what docs/figures.md claims, on this machine:
//
//	go run ./integration_test/figures
//
// It connects to itself over 127.0.0.1 and takes some minutes. Arguments select
// figures: herd, flood, garbage, undelivered, hour.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
)

// figure is one measurement.
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
		{"flood", "refreshes of signed-in users while 1,000 forged refresh tokens a second arrive", flood},
		{"garbage", "10 million distinct forged tokens", garbage},
		{"undelivered", "100,000 renewed sessions that no response has brought to a browser", undelivered},
		{"hour", "the load of one hour: 3.6 million requests, every tenth a refresh", hour},
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
