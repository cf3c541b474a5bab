package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// entrant is a contender as a server, with its requests per second of time and per
// second of its CPU time, by round.
type entrant struct {
	name       string
	kind       kind
	bareName   string
	path       string
	cookie     string
	body       string // the expected response
	n          int
	start      func() (*process, error)
	server     *process      // nil before the start
	client     *client       // nil between the rounds
	took, used time.Duration // in this round: the time, and the CPU time of the server
	wall, core []float64
	turns      []float64 // CPU time per request, by turn, in µs
}

// turns is the number of parts of a round over HTTP. All servers take turns, so that
// a disturbance of the machine affects all of them.
const turns = 60

// The targets over HTTP.
const (
	httpBareTarget = "HTTP requests per core, of the bare handler"
	httpPeerTarget = "HTTP requests per core, of the best Go peer that is a middleware"
	httpNodeTarget = "HTTP requests per core, of the JavaScript SDK"
)

// throughput compares servers over HTTP, each in a process of its own. Per core
// means per second of the CPU time of the server's process, which does not depend
// on the load of the machine.
func throughput(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entrants, err := newEntrants(ctx, p, up)
	if err != nil {
		return err
	}
	if err := measureServers(p, entrants, r); err != nil {
		return err
	}
	reportThroughput(entrants, p, r)
	return ctx.Err()
}

// newEntrants returns all servers of throughput.
func newEntrants(ctx context.Context, p plan, up *upstream) ([]*entrant, error) {
	var entrants []*entrant
	add := func(name string, kind kind, bareName, cookie string, start func(context.Context, string, settings) (*process, error)) {
		entrants = append(entrants, &entrant{
			name: name, kind: kind, bareName: bareName, path: "/", cookie: cookie, body: up.user.ID, n: p.requestsOf(kind),
			start: func() (*process, error) { return start(ctx, name, up.settings) },
		})
	}
	cookie := up.valid(jwtCookie)
	for _, c := range contenders {
		add(c.name, c.kind, bareName, cookie, startGo)
	}
	if !p.js {
		return entrants, nil
	}
	cookie = up.valid(nodeJWTCookie)
	add(nodeBareName, bare, nodeBareName, cookie, startNode)
	add(nodeSDKName, anSDK, nodeBareName, cookie, startNode)
	return entrants, install(ctx)
}

// measureServers measures all entrants after each start. The client has one core.
func measureServers(p plan, entrants []*entrant, r *report) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var sharedCores error
	for range p.starts {
		var err error
		if sharedCores, err = measureStart(p, entrants); err != nil {
			return err
		}
	}
	if sharedCores != nil {
		r.printf("\nServers and client share their cores: %v\n", sharedCores)
	}
	return nil
}

// measureStart starts all servers, measures them in turns and stops them. The
// error sharedCores tells why servers and client have no cores of their own.
func measureStart(p plan, entrants []*entrant) (sharedCores, err error) {
	var servers []*process
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, e := range entrants {
		if e.server, err = e.start(); err != nil {
			return nil, err
		}
		servers = append(servers, e.server)
	}
	release, sharedCores := separateCores(servers)
	defer release()
	for range p.servings {
		if err := measureServing(entrants); err != nil {
			return nil, err
		}
	}
	return sharedCores, nil
}

// measureServing measures all servers once.
func measureServing(entrants []*entrant) error {
	defer func() {
		for _, e := range entrants {
			e.end()
		}
	}()
	for _, e := range entrants {
		if err := e.begin(); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	for range turns {
		for _, i := range shuffled(len(entrants)) {
			if err := entrants[i].turn(); err != nil {
				return fmt.Errorf("%s: %w", entrants[i].name, err)
			}
		}
	}
	for _, e := range entrants {
		requests := float64(turns * (e.n / turns))
		e.wall = append(e.wall, requests/e.took.Seconds())
		e.core = append(e.core, requests/e.used.Seconds())
	}
	return nil
}

// begin opens the connections and sends some requests that do not count: the
// memory of an idle server may have to come from the operating system again.
func (e *entrant) begin() (err error) {
	e.took, e.used = 0, 0
	if e.client, err = dial(e.server.address, e.path, e.cookie, e.body); err != nil {
		return err
	}
	_, err = e.client.run(e.n / 3)
	return err
}

func (e *entrant) end() {
	if e.client != nil {
		e.client.close()
		e.client = nil
	}
}

// turn measures a part of a round. One request on each connection comes first and
// does not count: another server has just used the caches of the processor.
func (e *entrant) turn() error {
	if _, err := e.client.run(connections); err != nil {
		return err
	}
	before, err := e.server.cpuTime()
	if err != nil {
		return err
	}
	n := e.n / turns
	took, err := e.client.run(n)
	if err != nil {
		return err
	}
	after, err := e.server.cpuTime()
	used := max(after-before, time.Microsecond)
	e.took += took
	e.used += used
	e.turns = append(e.turns, 1e6*used.Seconds()/float64(n))
	return err
}

func reportThroughput(entrants []*entrant, p plan, r *report) {
	byName := map[string]*entrant{}
	for _, e := range entrants {
		byName[e.name] = e
	}
	own := byName[oursName]
	rows := [][]string{{"", "", "requests/s", "requests/s per core", "of its bare handler", "ours, of it"}}
	var best *entrant
	for _, e := range entrants {
		rows = append(rows, []string{e.name, string(e.kind), fmt.Sprintf("%.0f", median(e.wall)), fmt.Sprintf("%.0f", median(e.core)),
			fmt.Sprintf("%.3f", medianRatio(e.core, byName[e.bareName].core)), ratio(medianRatio(own.core, e.core))})
		if e.kind == aMiddleware && (best == nil || median(e.core) > median(best.core)) {
			best = e
		}
	}
	if !p.js {
		rows = append(rows, []string{nodeSDKName, "", "left out"})
	}
	r.table(fmt.Sprintf("A protected request over HTTP, %d open connections, one core for each server: medians of %d rounds", connections, p.starts*p.servings), rows)
	r.atLeast(httpBareTarget, medianRatio(own.core, byName[bareName].core), 0.95)
	ofBest := func(e *entrant) float64 { return medianRatio(e.core, best.core) }
	r.atLeastWithBare(httpPeerTarget, ofBest(own), 4, ofBest(byName[bareName]))
	if p.js {
		ofSDK := func(e *entrant) float64 { return medianRatio(e.core, byName[nodeSDKName].core) }
		r.atLeastWithBare(httpNodeTarget, ofSDK(own), 15, ofSDK(byName[bareName]))
	} else {
		r.leftOut(httpNodeTarget, "left out")
	}
}
