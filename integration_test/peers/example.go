package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	exampleName   = "the example's /api/me"
	bareJSONName  = "bare handler, same JSON"
	exampleTarget = "HTTP requests of the example's /api/me, of a bare handler that writes the same JSON"
)

// bareJSON is a handler without any protection that writes the response of the
// example's /api/me.
var bareJSON = contender{bareJSONName, bare, func(_ context.Context, s settings) (http.Handler, error) {
	body := []byte(s.JSON)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body)
	}), nil
}}

// exampleAPI compares the program of the folder example, over HTTP, with a bare
// handler.
func exampleAPI(ctx context.Context, p plan, up *upstream, r *report) error {
	if _, err := cpuTimeOf(os.Getpid()); err != nil {
		r.leftOut(exampleTarget, err.Error())
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	folder, err := os.MkdirTemp("", "peers")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := filepath.Join(folder, "example")
	if out, err := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join("..", ".."), "-o", program, "./example").CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./example: %w\n%s", err, out)
	}
	entrants, err := exampleEntrants(ctx, p, up, program)
	if err != nil {
		return err
	}
	if err := measureServers(p, entrants, r); err != nil {
		return err
	}
	reportExample(entrants, p, r)
	return ctx.Err()
}

// exampleEntrants returns the bare handler and the example.
func exampleEntrants(ctx context.Context, p plan, up *upstream, program string) ([]*entrant, error) {
	const path = "/api/me"
	cookie := up.valid(jwtCookie)
	start := func() (*process, error) { return startExample(ctx, program, up.settings) }
	body, err := fetchOnce(ctx, start, path, cookie)
	if err != nil {
		return nil, err
	}
	s := up.settings
	s.JSON = body
	return []*entrant{
		{name: bareJSONName, kind: bare, path: path, cookie: cookie, body: body, n: p.requests, start: func() (*process, error) { return startGo(ctx, bareJSONName, s) }},
		{name: exampleName, kind: ours, path: path, cookie: cookie, body: body, n: p.requests, start: start},
	}, nil
}

// startExample starts the example with the fake as its upstream.
func startExample(ctx context.Context, program string, s settings) (*process, error) {
	command := exec.CommandContext(ctx, program, "-addr", "127.0.0.1:0", "-upstream", s.URL, "-allow-client-key")
	command.Env = append(os.Environ(), "CROSSMINT_API_KEY="+s.VendorKey, "GOMAXPROCS=1")
	return startProgram(command, exampleName)
}

// fetchOnce returns the response of a server that it starts and stops.
func fetchOnce(ctx context.Context, start func() (*process, error), path, cookie string) (string, error) {
	server, err := start()
	if err != nil {
		return "", err
	}
	defer server.stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.address+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Cookie", cookie)
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil {
		err = check(res.StatusCode == http.StatusOK && strings.Contains(string(body), `"userId"`), "%s: %s %s", path, res.Status, body)
	}
	return string(body), err
}

func reportExample(entrants []*entrant, p plan, r *report) {
	rows := [][]string{{"", "requests/s", "requests/s per core", "of the bare handler"}}
	for _, e := range entrants {
		rows = append(rows, []string{e.name, fmt.Sprintf("%.0f", median(e.wall)), fmt.Sprintf("%.0f", median(e.core)), fmt.Sprintf("%.3f", medianRatio(e.core, entrants[0].core))})
	}
	r.table(fmt.Sprintf("The example's protected JSON over HTTP, %d open connections, one core for each server: medians of %d rounds", connections, p.starts*p.servings), rows)
	r.atLeast(exampleTarget, medianRatio(entrants[1].core, entrants[0].core), 0.92)
}
