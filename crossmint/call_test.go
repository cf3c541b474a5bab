package crossmint_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

var (
	notSent    = failure{Kind: unavailable, NotSent: true}
	incomplete = failure{Kind: unavailable, Incomplete: true}
	timedOut   = failure{Kind: unavailable}
	oversize   = failure{Kind: malformed}
)

// Faults of a server that speaks HTTP.
func TestCallClassifiesFaults(t *testing.T) {
	tests := []struct {
		name  string
		fault crossminttest.Fault
		want  failure
	}{
		{name: "reset before the call", fault: crossminttest.Reset(), want: incomplete},
		{name: "reset after its effect", fault: crossminttest.LoseResponse(), want: incomplete},
		{name: "truncated", fault: crossminttest.Truncate(), want: incomplete},
		{name: "10 GB", fault: crossminttest.HugeBody(10 << 30), want: oversize},
		{name: "a byte too much", fault: crossminttest.Status(200, "", `{"x":"`+strings.Repeat("A", 1<<20)+`"}`), want: oversize},
		{name: "an oversize refusal", fault: crossminttest.Status(401, "", `{"x":"`+strings.Repeat("A", 1<<20)+`"}`), want: oversize},
		{name: "invalid UTF-8", fault: crossminttest.InvalidUTF8(), want: failure{Kind: malformed, Status: 200}},
		{name: "a proxy's 502", fault: crossminttest.Status(502, "text/html", "<html>"), want: failure{Kind: unavailable, Status: 502}},
		{name: "a redirect", fault: crossminttest.Redirect("/elsewhere"), want: failure{Kind: unavailable, Status: 307}},
		{name: "a redirect to an invalid URL", fault: crossminttest.Redirect("http://[::1"), want: failure{Kind: unavailable, Status: 307}},
		{name: "a bad API key", fault: crossminttest.Status(403, "", `{"error":true}`), want: failure{Kind: unavailable, Status: 403, APIKeyRejected: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fake := newFake(t, crossminttest.Config{})
			client := newClient(t, fake.Config())
			live := fake.Grant(fake.NewUser("")).RefreshToken.Secret
			fake.Fail(crossminttest.Refresh, test.fault)
			_, err := client.Refresh(t.Context(), live)
			if diff := cmp.Diff(test.want, failureOf(t, err)); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
			if got := fake.Calls().Refresh; got != 1 {
				t.Errorf("%d calls, want 1: the caller decides about retries", got)
			}
		})
	}
}

// The size of a response counts after decompression.
func TestGzipBomb(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, `{"jwt":"`)
	_, _ = w.Write(make([]byte, 50<<20))
	_ = w.Close()
	u := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	})
	if diff := cmp.Diff(oversize, failureOf(t, refresh(t.Context(), t, u.client))); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

// Servers that speak another protocol, or stop in the middle.
func TestCallClassifiesBrokenHTTP(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	tests := map[string]string{
		"nothing":                      "",
		"half a status line":           "HTTP/1.1 20",
		"half a header":                head,
		"a header alone":               head + "Content-Length: 10\r\n\r\n",
		"half a body":                  head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(goodGrant), goodGrant[:20]),
		"half a chunk":                 head + "Transfer-Encoding: chunked\r\n\r\n40\r\n{\"jwt\"",
		"a chunk without an end":       head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n",
		"a chunk of no size":           head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		"another protocol":             "SSH-2.0-OpenSSH_9.6\r\n",
		"a header without a colon":     head + "nonsense\r\n\r\n{}",
		"two lengths":                  head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"a negative length":            head + "Content-Length: -1\r\n\r\n{}",
		"gzip in name only":            head + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
		"half a gzip":                  head + "Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff",
		"an unknown transfer encoding": head + "Transfer-Encoding: x-own\r\n\r\n{}",
	}
	for name, response := range tests {
		t.Run(name, func(t *testing.T) {
			url := newRawUpstream(t, func(conn net.Conn) { _, _ = io.WriteString(conn, response) })
			client := newClient(t, configFor(t, url))
			if diff := cmp.Diff(incomplete, failureOf(t, refresh(t.Context(), t, client))); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

// A response may break off after its last byte, when only the end of the message is
// missing. Upstream has used the token, so the grant in it counts.
func TestWholeGrantInBrokenResponse(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, goodGrant)
	_ = w.Close()
	noChecksum := packed.Bytes()[:packed.Len()-8] // RFC 1952 §2.3: CRC32 and ISIZE
	tests := map[string]string{
		"a length that is too long": head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(goodGrant)+2, goodGrant),
		"no last chunk":             head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(goodGrant), goodGrant),
		"a damaged last chunk":      head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n", len(goodGrant), goodGrant),
		"gzip without its checksum": head + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(noChecksum), noChecksum),
	}
	for name, response := range tests {
		t.Run(name, func(t *testing.T) {
			url := newRawUpstream(t, func(conn net.Conn) { _, _ = io.WriteString(conn, response) })
			client := newClient(t, configFor(t, url))
			grant, err := client.Refresh(t.Context(), secret)
			if err != nil {
				t.Fatal(err)
			}
			if got := grant.RefreshToken.Secret.Reveal(); got != "new" {
				t.Errorf("refresh token %q, want new", got)
			}
		})
	}
}

// With HTTP/2 a server resets the stream instead.
func TestWholeGrantInResetStream(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, goodGrant)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, configFor(t, server.URL, func(c *crossmint.Config) { c.HTTPClient = server.Client() }))
	grant, err := client.Refresh(t.Context(), secret)
	if err != nil || grant.RefreshToken.Secret.Reveal() != "new" {
		t.Errorf("refresh token %v, %v, want new", grant, err)
	}
}

// The default transport rejects an oversize header.
func TestHugeHeader(t *testing.T) {
	url := newRawUpstream(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("A", 128<<10)+"\r\nContent-Length: 2\r\n\r\n{}")
		_, _ = io.Copy(io.Discard, conn) // until the client disconnects
	})
	client := newClient(t, configFor(t, url, func(c *crossmint.Config) { c.HTTPClient = nil }))
	if diff := cmp.Diff(incomplete, failureOf(t, refresh(t.Context(), t, client))); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func TestNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close() // its port refuses connections from now on
	closedPort := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
	}
	noNames := &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, syscall.ECONNREFUSED
	}}}
	tests := map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		is   func(error) bool
	}{
		"refused": {dial: closedPort, is: func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"no such host": {dial: noNames.DialContext, is: func(err error) bool {
			var dns *net.DNSError
			return errors.As(err, &dns)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, configFor(t, "https://crossmint.invalid", func(c *crossmint.Config) {
				c.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: test.dial}}
			}))
			err := refresh(t.Context(), t, client)
			if diff := cmp.Diff(notSent, failureOf(t, err)); diff != "" || !test.is(err) {
				t.Errorf("failure (-want +got):\n%s%v", diff, err)
			}
			if !strings.Contains(err.Error(), "session: upstream refresh: unavailable: ") || strings.Contains(err.Error(), "default base URL") {
				t.Errorf("error = %v", err)
			}
		})
	}
	t.Run("the default of development", func(t *testing.T) {
		fake := newFake(t, crossminttest.Config{Environment: crossmint.Development, InMemory: true})
		config := fake.Config()
		config.BaseURL = ""
		config.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: closedPort}}
		err := refresh(t.Context(), t, newClient(t, config))
		const hint = "(http://localhost:3000 is the default base URL of a development API key; set Config.BaseURL if upstream is elsewhere)"
		if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasSuffix(err.Error(), hint) {
			t.Errorf("error = %v, want the cause and %q", err, hint)
		}
	})
}

// Config.Timeout covers a call from the dial to the last byte.
func TestTimedOut(t *testing.T) {
	faults := map[string]crossminttest.Fault{
		"hangs":      crossminttest.Hang(),
		"slow loris": crossminttest.SlowBody(time.Second),
		"late":       crossminttest.Delay(time.Hour),
	}
	for name, fault := range faults {
		for _, timeout := range []time.Duration{0, 3 * time.Second} {
			t.Run(fmt.Sprint(name, ", timeout ", timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fake := newFake(t, crossminttest.Config{InMemory: true})
					config := fake.Config()
					config.Timeout = timeout
					client := newClient(t, config)
					live := fake.Grant(fake.NewUser("")).RefreshToken.Secret
					fake.Fail(crossminttest.Refresh, fault)
					before := time.Now()
					_, err := client.Refresh(t.Context(), live)
					if diff := cmp.Diff(timedOut, failureOf(t, err)); diff != "" || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("failure (-want +got):\n%s%v", diff, err)
					}
					if timeout == 0 {
						timeout = 10 * time.Second
					}
					if waited := time.Since(before); waited != timeout {
						t.Errorf("waited %v, want %v", waited, timeout)
					}
				})
			})
		}
	}
}

// A caller that cancels its context ends its own call.
func TestCanceled(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := refresh(ctx, t, client)
	if diff := cmp.Diff(timedOut, failureOf(t, err)); diff != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("failure (-want +got):\n%s%v", diff, err)
	}
}

// An untracedTransport fails without calling the hooks of httptrace.
type untracedTransport struct{ err error }

func (s untracedTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, s.err }

// A transport that does not report its progress may have sent the request.
func TestUntracedTransport(t *testing.T) {
	for _, err := range []error{errors.New("private text"), io.EOF, syscall.ECONNRESET} {
		client := newClient(t, configFor(t, "https://api.example", func(c *crossmint.Config) {
			c.HTTPClient = &http.Client{Transport: untracedTransport{err}}
		}))
		got := refresh(t.Context(), t, client)
		if diff := cmp.Diff(incomplete, failureOf(t, got)); diff != "" || strings.Contains(got.Error(), "private") {
			t.Errorf("%v (-want +got):\n%s%v", err, diff, got)
		}
	}
}
