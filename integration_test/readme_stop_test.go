//go:build unix

// Other systems cannot send SIGTERM to a process.

package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/internal/testkit"
)

// productionHelpers replaces two calls of the production program: one makes its
// client use a fake Crossmint, and one makes its server listen on a free port and
// print the address.
const productionHelpers = `package main

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
	verifier, err := hex.DecodeString(os.Getenv("VERIFIER"))
	if err != nil {
		return nil, err
	}
	config.BaseURL = os.Getenv("BASE_URL")
	config.APIKeyVerifiers = map[crossmint.Environment]ed25519.PublicKey{crossmint.Production: verifier}
	return crossmint.NewClient(config)
}

func listenAndServeTLS(server *http.Server, cert, key string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return server.ServeTLS(listener, cert, key)
}
`

func newProductionFake(t *testing.T) *crossminttest.Server {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{Environment: crossmint.Production, Reuse: crossminttest.ReuseRefuse})
	testkit.NoError(t, err)
	t.Cleanup(fake.Close)
	return fake
}

// buildProduction returns the production program with the fake in place of
// Crossmint. Each pair of edits replaces a string of the program by another.
func buildProduction(t *testing.T, fake *crossminttest.Server, edits ...string) *exec.Cmd {
	t.Helper()
	code := replaceOnce(t, readmeBlock(t, "production"), "crossmint.NewClient(", "newClient(")
	for i := 0; i < len(edits); i += 2 {
		code = replaceOnce(t, code, edits[i], edits[i+1])
	}
	program := buildProgram(t, code, productionHelpers)
	writeCertificate(t, program.Dir)
	program.Env = append(os.Environ(), "CROSSMINT_API_KEY="+fake.APIKey(), "BASE_URL="+fake.URL(),
		"VERIFIER="+hex.EncodeToString(fake.Config().APIKeyVerifiers[crossmint.Production]))
	return program
}

// startProduction returns the running program, its address, and its stderr.
func startProduction(t *testing.T, fake *crossminttest.Server) (program *exec.Cmd, address string, stderr *strings.Builder) {
	t.Helper()
	program = buildProduction(t, fake, "server.ListenAndServeTLS(", "listenAndServeTLS(server, ")
	stderr = &strings.Builder{}
	program.Stderr = stderr
	return program, startProgram(t, program), stderr
}

// writeCertificate writes a self-signed certificate for 127.0.0.1.
func writeCertificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testkit.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter:     time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	testkit.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	testkit.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: certificate},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		testkit.NoError(t, os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600))
	}
}

func TestREADMEProductionWithPortInUse(t *testing.T) {
	program := buildProduction(t, newProductionFake(t), `":443"`, `"`+busyAddress(t)+`"`)
	wantFailure(t, program, "listen tcp 127.0.0.1:")
}

func TestREADMEProductionStopsCleanly(t *testing.T) {
	fake := newProductionFake(t)
	program, address, stderr := startProduction(t, fake)
	if got, want := visitExpired(fake, "https://"+address+"/me"), "200 hello, renewed"; got != want {
		t.Fatalf("the request got %q, want %q", got, want)
	}
	testkit.NoError(t, program.Process.Signal(syscall.SIGTERM))
	if err := program.Wait(); err != nil {
		t.Errorf("the program ended with %v, want status 0", err)
	}
	for line := range strings.Lines(stderr.String()) {
		if !strings.Contains(line, "outcome=refreshed") {
			t.Errorf("the program printed %q", line)
		}
	}
}

// A process manager ends a program with SIGTERM. The response of a refresh in
// flight must reach the browser, because upstream does not accept the old token
// again.
func TestREADMEProductionStopsDuringRefresh(t *testing.T) {
	fake := newProductionFake(t)
	arrived, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(release)
	fake.Fail(crossminttest.Refresh, crossminttest.Edit(func(map[string]any) { close(arrived); <-held }))
	program, address, _ := startProduction(t, fake)

	var outcome string
	var wait sync.WaitGroup
	wait.Go(func() { outcome = visitExpired(fake, "https://"+address+"/me") })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-arrived:
	case <-ctx.Done():
		t.Fatal("no refresh arrived")
	}
	testkit.NoError(t, program.Process.Signal(syscall.SIGTERM))
	waitForClosedPort(ctx, t, address)
	release()
	wait.Wait()
	if want := "200 hello, renewed"; outcome != want {
		t.Errorf("the request got %q, want %q", outcome, want)
	}
	if err := program.Wait(); err != nil {
		t.Errorf("the program ended with %v, want status 0", err)
	}
}

// visitExpired requests a page as a browser does whose JWT has expired. It
// returns the status, the start of the page, and whether cookies were set.
func visitExpired(fake *crossminttest.Server, page string) string {
	site, err := url.Parse(page)
	if err != nil {
		return err.Error()
	}
	jar, _ := cookiejar.New(nil) // never fails without options
	user := fake.SignInExpired(jar, site, "ada@example.com").User.ID
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	res, err := (&http.Client{Jar: jar, Transport: transport}).Get(page)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	outcome := res.Status[:4] + strings.Replace(strings.TrimSpace(string(body)), "hello "+user, "hello", 1)
	if len(res.Cookies()) == 2 {
		outcome += ", renewed"
	}
	return outcome
}

// waitForClosedPort returns when the program has stopped listening.
func waitForClosedPort(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		select {
		case <-ctx.Done():
			t.Fatal("the program still listens after SIGTERM")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
