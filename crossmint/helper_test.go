package crossmint_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiPath  = "/api/2024-09-26"
	authPath = apiPath + "/session/sdk/auth"
)

func newFake(t testing.TB, config crossminttest.Config) *crossminttest.Server {
	t.Helper()
	fake, err := crossminttest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

func newClient(t testing.TB, config crossmint.Config) *crossmint.Client {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	client, err := crossmint.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// An upstream is a server with a handler of the test. It has a client and records
// the requests.
type upstream struct {
	*httptest.Server
	client *crossmint.Client

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

// newUpstream serves every path with handler. The API key is that of a fake.
func newUpstream(t *testing.T, handler http.HandlerFunc, change ...func(*crossmint.Config)) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.requests, u.bodies = append(u.requests, r), append(u.bodies, string(body))
		u.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(u.Close)
	u.client = newClient(t, configFor(t, u.URL, change...))
	return u
}

// configFor returns the configuration of a client of the upstream at url.
func configFor(t *testing.T, url string, change ...func(*crossmint.Config)) crossmint.Config {
	t.Helper()
	config := newFake(t, crossminttest.Config{InMemory: true}).Config()
	config.BaseURL = url
	config.HTTPClient = &http.Client{Transport: newTransport(t)}
	for _, f := range change {
		f(&config)
	}
	return config
}

// newTransport returns a transport without a proxy.
func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func (u *upstream) arrived() (requests []*http.Request, bodies []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests, u.bodies
}

// respond returns a handler that always sends the same response.
func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// newRawUpstream listens, reads one request of each connection and calls serve. It
// returns its URL.
func newRawUpstream(t *testing.T, serve func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				readRequest(conn)
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	return "http://" + listener.Addr().String()
}

// readRequest reads one request to its end.
func readRequest(conn net.Conn) {
	if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// The results of a verification, and the kinds of a failed call.
var (
	valid       = "valid"
	expired     = session.ErrJWTExpired.Error()
	invalid     = session.ErrJWTInvalid.Error()
	unavailable = session.ErrUnavailable.Error()
	refused     = session.ErrRefused.Error()
	malformed   = session.ErrMalformed.Error()
)

// failure is the classification in a session.UpstreamError.
type failure struct {
	Kind                      string
	NotSent, Incomplete       bool
	Uncertain, APIKeyRejected bool
	Status                    int
}

// failureOf returns the classification of err.
func failureOf(t *testing.T, err error) failure {
	t.Helper()
	up := upstreamError(t, err)
	return failure{up.Kind.Error(), up.NotSent, up.Incomplete, up.Uncertain, up.APIKeyRejected, up.Status}
}

func upstreamError(t *testing.T, err error) *session.UpstreamError {
	t.Helper()
	var up *session.UpstreamError
	if !errors.As(err, &up) {
		t.Fatalf("error is %T (%v), want a session.UpstreamError", err, err)
	}
	return up
}

// refresh refreshes with an unknown token and returns the error.
func refresh(ctx context.Context, t *testing.T, client *crossmint.Client) error {
	t.Helper()
	grant, err := client.Refresh(ctx, session.NewSecret("one-time"))
	if err == nil || grant != nil {
		t.Fatalf("Refresh = %v, %v, want an error alone", grant, err)
	}
	return err
}
