//go:build unix

// Elsewhere no process can be sent SIGTERM.

package integration_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// replaced is what a program needs to run on a fake Crossmint and on a free
// port, which it prints.
const replaced = `package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/crossmint-go/auth/crossmint"
)

func newClient(config crossmint.Config) (*crossmint.Client, error) {
	signer := must(hex.DecodeString(os.Getenv("SIGNER")))
	config.BaseURL = os.Getenv("BASE_URL")
	config.Signers = map[crossmint.Environment]ed25519.PublicKey{crossmint.Staging: signer}
	return crossmint.NewClient(config)
}

func serve(server *http.Server) error {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	return server.Serve(listener)
}
`

// A process manager ends a program with SIGTERM. A refresh whose answer is on
// its way must reach the browser: its old token is used up.
func TestREADMEProgramEndsInMidRefresh(t *testing.T) {
	fake, err := crossminttest.New(crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	fatal(t, err)
	t.Cleanup(fake.Close)
	arrived, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(map[string]any) { close(arrived); <-held }))
	program, address := startREADMEProgram(t, fake)

	var answer string
	var wait sync.WaitGroup
	wait.Go(func() { answer = visitExpired(fake, "http://"+address+"/me") })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-arrived:
	case <-ctx.Done():
		t.Fatal("no refresh arrived")
	}
	fatal(t, program.Process.Signal(syscall.SIGTERM))
	untilNobodyListens(ctx, t, address)
	release()
	wait.Wait()
	if want := "200 hello, renewed"; answer != want {
		t.Errorf("the request got %q, want %q", answer, want)
	}
	if err := program.Wait(); err != nil {
		t.Errorf("the program ended with %v, want status 0", err)
	}
}

// startREADMEProgram returns the running program and its address.
func startREADMEProgram(t *testing.T, fake *crossminttest.Server) (program *exec.Cmd, address string) {
	t.Helper()
	code, _ := readmeCode(t)
	for old, in := range map[string]string{"crossmint.NewClient(": "newClient(", "server.ListenAndServe()": "serve(server)"} {
		if strings.Count(code, old) != 1 {
			t.Fatalf("the program must have %q once", old)
		}
		code = strings.Replace(code, old, in, 1)
	}
	program = exec.Command(build(t, code, replaced))
	program.Env = append(os.Environ(), "CROSSMINT_API_KEY="+fake.APIKey(), "BASE_URL="+fake.URL(),
		"SIGNER="+hex.EncodeToString(fake.Config().Signers[crossmint.Staging]))
	program.Stderr = t.Output()
	stdout, err := program.StdoutPipe()
	fatal(t, err)
	fatal(t, program.Start())
	t.Cleanup(func() { _ = program.Process.Kill(); _ = program.Wait() }) // no more than errors once it has ended
	line, err := bufio.NewReader(stdout).ReadString('\n')
	fatal(t, err)
	return program, strings.TrimSpace(line)
}

// visitExpired asks for a page as a browser does whose JWT has expired.
func visitExpired(fake *crossminttest.Server, page string) string {
	at, err := url.Parse(page)
	if err != nil {
		return err.Error()
	}
	jar, _ := cookiejar.New(nil) // without options it cannot fail
	user := fake.SignInExpired(jar, at, "ada@example.com").User.ID
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Jar: jar, Transport: transport}).Get(page)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	said := strings.Replace(strings.TrimSpace(string(body)), "hello "+user, "hello", 1)
	if len(res.Cookies()) == 2 {
		said += ", renewed"
	}
	return res.Status[:4] + said
}

// untilNobodyListens returns when the program has begun to end, or is dead.
func untilNobodyListens(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		select {
		case <-ctx.Done():
			t.Fatal("after SIGTERM the program goes on")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
