// Command figures measures the cost of sharing a refresh, and the effect of a frozen
// store on a service. It starts each installed store on this machine, and takes six
// minutes for each:
//
//	go run ./internal/figures
//
// The flag -only chooses one measurement: added, listeners, denials or frozen.
package main

import (
	"flag"
	"fmt"
	"log"

	"github.com/crossmint-go/auth/internal/redistest"
)

var only = flag.String("only", "", "measure `one` of added, listeners, denials, frozen")

func main() {
	flag.Parse()
	binaries, err := redistest.Binaries()
	check(err)
	for name, path := range binaries {
		fmt.Println(name)
		for _, m := range []struct {
			name    string
			measure func(*redistest.Server)
		}{
			{name: "added", measure: func(s *redistest.Server) { added(s.URL()) }},
			{name: "listeners", measure: func(s *redistest.Server) { listeners(s.URL()) }},
			{name: "denials", measure: func(s *redistest.Server) { denials(s.URL()) }},
			{name: "frozen", measure: frozen},
		} {
			if *only != "" && *only != m.name {
				continue
			}
			server, err := redistest.Start(path)
			check(err)
			m.measure(server)
			check(server.Close())
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
