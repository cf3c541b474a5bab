package crossminttest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const authPath = "/api/2024-09-26/session/sdk/auth"

// start returns a fake with keys that are fast to create.
func start(t *testing.T, config crossminttest.Config) *crossminttest.Server {
	t.Helper()
	if config.Algorithm == "" {
		config.Algorithm = "ES256"
	}
	fake, err := crossminttest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

// A response is the complete response to a call.
type response struct {
	status int
	header http.Header
	body   []byte
}

// A grant is the response to a refresh.
type grant struct {
	JWT     string `json:"jwt"`
	Refresh struct {
		Secret    string `json:"secret"`
		ExpiresAt string `json:"expiresAt"`
	} `json:"refresh"`
	User struct {
		ID    string `json:"id"`
		Email string `json:"email"`
	} `json:"user"`
}

// call makes a call with the server key of the fake.
func call(t *testing.T, fake *crossminttest.Server, method, path, body string) (response, error) {
	t.Helper()
	return callWith(t, fake, fake.APIKey(), method, path, body)
}

func callWith(t *testing.T, fake *crossminttest.Server, key, method, path, body string) (response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, fake.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-api-key", key)
	r.Header.Set("Content-Type", "application/json")
	res, err := fake.Transport().RoundTrip(r)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, out}, err
}

// mustCall is call that has to succeed.
func mustCall(t *testing.T, fake *crossminttest.Server, method, path, body string) response {
	t.Helper()
	got, err := call(t, fake, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func tokenBody(secret string) string { return `{"refresh":"` + secret + `"}` }

// refresh returns the status and, for 200, the grant.
func refresh(t *testing.T, fake *crossminttest.Server, secret string) (int, grant) {
	t.Helper()
	got := mustCall(t, fake, "POST", authPath+"/refresh", tokenBody(secret))
	var g grant
	if got.status == http.StatusOK {
		decode(t, got.body, &g)
	}
	return got.status, g
}

// mustRefresh is refresh that has to succeed.
func mustRefresh(t *testing.T, fake *crossminttest.Server, secret string) grant {
	t.Helper()
	status, g := refresh(t, fake, secret)
	if status != http.StatusOK {
		t.Fatalf("refresh: status %d, want 200", status)
	}
	return g
}

func mustReject(t *testing.T, fake *crossminttest.Server, secret string) {
	t.Helper()
	if status, _ := refresh(t, fake, secret); status != http.StatusUnauthorized {
		t.Errorf("refresh: status %d, want 401", status)
	}
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
}
