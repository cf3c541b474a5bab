// Command figures measures the cost of sharing a refresh, and the effect of a frozen
// store on a service. It starts each installed store on this machine, and takes three
// minutes for each:
//
//	go run ./internal/figures
package main

import (
	"flag"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/crossmint-go/auth/session/redis/internal/storetest"
)

var addedOnly = flag.Bool("added", false, "measure only the cost of sharing a refresh")

func main() {
	flag.Parse()
	binaries, err := storetest.Binaries()
	check(err)
	for name, path := range binaries {
		server, err := storetest.Start(path)
		check(err)
		fmt.Println(name)
		added(server.URL())
		if !*addedOnly {
			frozen(server)
		}
		check(server.Close())
	}
}

func quantile(d []time.Duration, percent int) time.Duration {
	slices.Sort(d)
	return d[len(d)*percent/100].Round(time.Microsecond)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
