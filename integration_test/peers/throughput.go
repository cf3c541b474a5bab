package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// entrant is a contender as a server, and what was measured of it: requests
// per second of time and per second of the server's CPU time, every round.
type entrant struct {
	name       string
	kind       kind
	bareName   string
	cookie     string
	n          int
	start      func() (*process, error)
	server     *process // once it has started
	wall, core []float64
}

// The targets over HTTP.
const (
	httpBareTarget = "HTTP requests per core, beside the bare handler"
	httpPeerTarget = "HTTP requests per core, beside the best Go peer that is a middleware"
	httpNodeTarget = "HTTP requests per core, beside the JavaScript SDK"
)

// throughput compares servers over HTTP, each in a process of its own. Per
// core means per second of CPU time that the server's process has used: that
// counts the same whatever else the machine does.
func throughput(ctx context.Context, p plan, up *upstream, r *report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the client has one core
	entrants, err := enter(ctx, p, up)
	if err != nil {
		return err
	}
	var shared error
	for range p.starts {
		if shared, err = compete(p, up.user.ID, entrants); err != nil {
			return err
		}
	}
	if shared != nil {
		r.printf("\nServers and load have no cores of their own: %v\n", shared)
	}
	reportThroughput(entrants, p, r)
	return ctx.Err()
}

// enter returns who takes part.
func enter(ctx context.Context, p plan, up *upstream) ([]*entrant, error) {
	var entrants []*entrant
	add := func(name string, kind kind, bareName, cookie string, start func(context.Context, string, settings) (*process, error)) {
		entrants = append(entrants, &entrant{
			name: name, kind: kind, bareName: bareName, cookie: cookie, n: p.requestsOf(kind),
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

// compete starts all servers, measures them by turns and stops them. Shared says
// why servers and load have no cores of their own; nil: they have.
func compete(p plan, userID string, entrants []*entrant) (shared, err error) {
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
	together, shared := apart(servers)
	defer together()
	for range p.servings {
		for _, i := range shuffled(len(entrants)) {
			if err := entrants[i].round(userID); err != nil {
				return nil, fmt.Errorf("%s: %w", entrants[i].name, err)
			}
		}
	}
	return shared, nil
}

// round measures once, after some requests that are not measured: they fetch
// what the system has taken from a server that waited for its turn.
func (e *entrant) round(userID string) error {
	c, err := dial(e.server.address, e.cookie, userID)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.run(e.n / 3); err != nil {
		return err
	}
	before, err := e.server.cpu()
	if err != nil {
		return err
	}
	took, err := c.run(e.n)
	if err != nil {
		return err
	}
	after, err := e.server.cpu()
	if err != nil {
		return err
	}
	e.wall = append(e.wall, float64(e.n)/took.Seconds())
	e.core = append(e.core, float64(e.n)/max(after-before, time.Microsecond).Seconds())
	return nil
}

func reportThroughput(entrants []*entrant, p plan, r *report) {
	named := map[string]*entrant{}
	for _, e := range entrants {
		named[e.name] = e
	}
	own := named[oursName]
	rows := [][]string{{"", "", "requests/s", "requests/s per core", "beside its bare handler", "ours beside it"}}
	var best *entrant
	for _, e := range entrants {
		rows = append(rows, []string{e.name, string(e.kind), fmt.Sprintf("%.0f", median(e.wall)), fmt.Sprintf("%.0f", median(e.core)),
			fmt.Sprintf("%.3f", medianRatio(e.core, named[e.bareName].core)), ratio(medianRatio(own.core, e.core))})
		if e.kind == aMiddleware && (best == nil || median(e.core) > median(best.core)) {
			best = e
		}
	}
	if !p.js {
		rows = append(rows, []string{nodeSDKName, "", "left out"})
	}
	r.table(fmt.Sprintf("A protected request over HTTP, %d connections kept open, one core each: medians of %d rounds", connections, p.starts*p.servings), rows)
	r.atLeast(httpBareTarget, medianRatio(own.core, named[bareName].core), 0.95)
	besideBest := func(e *entrant) float64 { return medianRatio(e.core, best.core) }
	r.atLeastBeside(httpPeerTarget, besideBest(own), 4, besideBest(named[bareName]))
	if p.js {
		besideSDK := func(e *entrant) float64 { return medianRatio(e.core, named[nodeSDKName].core) }
		r.atLeastBeside(httpNodeTarget, besideSDK(own), 15, besideSDK(named[bareName]))
	} else {
		r.leftOut(httpNodeTarget, "left out")
	}
}
