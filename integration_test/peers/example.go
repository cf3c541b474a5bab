package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	exampleName      = "the example's /api/me"
	bareJSONName     = "bare handler, same JSON"
	constantJSONName = "bare handler, same JSON as a constant"
	exampleTarget    = "HTTP requests of the example's /api/me, of a bare handler that writes the same JSON"
)

// bareJSON is a handler without any protection that writes the response of the
// example's /api/me in the same way: it formats two times and encodes a struct.
var bareJSON = contender{bareJSONName, bare, func(_ context.Context, s settings) (http.Handler, error) {
	var me profile
	err := json.Unmarshal([]byte(s.JSON), &me)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		setJSONHeader(w)
		_ = json.NewEncoder(w).Encode(&profileText{me.ExpiresAt.Format(time.RFC3339), me.IssuedAt.Format(time.RFC3339), me.UserID})
	}), err
}}

// constantJSON writes the same bytes without encoding them. It has no target, and
// shows how much of the difference is JSON.
var constantJSON = contender{constantJSONName, bare, func(_ context.Context, s settings) (http.Handler, error) {
	body := []byte(s.JSON)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		setJSONHeader(w)
		_, _ = w.Write(body)
	}), nil
}}

func setJSONHeader(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
}

// profile is the response of the example's /api/me, and profileText the struct from
// which the example encodes it.
type (
	profile struct {
		ExpiresAt, IssuedAt time.Time
		UserID              string
	}
	profileText struct {
		ExpiresAt string `json:"expiresAt"`
		IssuedAt  string `json:"issuedAt"`
		UserID    string `json:"userId"`
	}
)

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

// exampleEntrants returns the two bare handlers and the example.
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
	entrants := []*entrant{{name: exampleName, kind: ours, path: path, cookie: cookie, body: body, n: p.requests, start: start}}
	for _, name := range []string{bareJSONName, constantJSONName} {
		entrants = append(entrants, &entrant{name: name, kind: bare, path: path, cookie: cookie, body: body, n: p.requests,
			start: func() (*process, error) { return startGo(ctx, name, s) }})
	}
	return entrants, nil
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
	example, bareHandler := entrants[0], entrants[1]
	rows := [][]string{{"", "requests/s", "requests/s per core", "the example, of it", "undisturbed µs", "the example, of it"}}
	for _, e := range entrants {
		rows = append(rows, []string{e.name, fmt.Sprintf("%.0f", median(e.wall)), fmt.Sprintf("%.0f", median(e.core)), fmt.Sprintf("%.3f", medianRatio(example.core, e.core)),
			fmt.Sprintf("%.1f", fastest(e.turns)), fmt.Sprintf("%.3f", fastest(e.turns)/fastest(example.turns))})
	}
	r.table(fmt.Sprintf("The example's protected JSON over HTTP, %d open connections, one core for each server: medians of %d rounds", connections, p.starts*p.servings), rows)
	r.atLeast(exampleTarget, medianRatio(example.core, bareHandler.core), 0.92)
}
