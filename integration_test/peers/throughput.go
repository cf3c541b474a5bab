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
	server     *process // nil before the start
	wall, core []float64
}

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
		for _, i := range shuffled(len(entrants)) {
			if err := entrants[i].round(); err != nil {
				return nil, fmt.Errorf("%s: %w", entrants[i].name, err)
			}
		}
	}
	return sharedCores, nil
}

// round measures once, after some requests that do not count: the memory of an
// idle server may have to come from the operating system again.
func (e *entrant) round() error {
	c, err := dial(e.server.address, e.path, e.cookie, e.body)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.run(e.n / 3); err != nil {
		return err
	}
	before, err := e.server.cpuTime()
	if err != nil {
		return err
	}
	took, err := c.run(e.n)
	if err != nil {
		return err
	}
	after, err := e.server.cpuTime()
	if err != nil {
		return err
	}
	e.wall = append(e.wall, float64(e.n)/took.Seconds())
	e.core = append(e.core, float64(e.n)/max(after-before, time.Microsecond).Seconds())
	return nil
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
