package httpclients_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/internal/testkit"
)

// request is one call of a client. The client follows redirects by itself.
type request struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// withJSON returns the request with a body of JSON.
func (r request) withJSON(body string) request {
	return r.withBody("application/json", body)
}

// withForm returns the request with the field of a form.
func (r request) withForm(name, value string) request {
	return r.withBody("application/x-www-form-urlencoded", url.Values{name: {value}}.Encode())
}

func (r request) withBody(mediaType, body string) request {
	headers := map[string]string{"Content-Type": mediaType}
	for name, value := range r.Headers {
		headers[name] = value
	}
	r.Headers, r.Body = headers, body
	return r
}

// response is the last response to a request, or the error of the client.
type response struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	Error  string `json:"error"`
}

// sender is a client with an empty cookie jar, if it has one.
type sender interface {
	send(t *testing.T, r request) response
}

// newSender returns a sender. With retries, the client repeats a request after a 503, if
// it has a setting for that.
type newSender func(t *testing.T, retries bool) sender

// client is an HTTP client. A column of the table in docs/compat.md has its name.
type client struct {
	name       string
	version    func(t *testing.T) string
	start      func(t *testing.T, certificate string) newSender // runs until the end of the test
	hasJar     bool                                             // stores cookies
	hasRetries bool                                             // has a setting for retries
}

var clients = []client{
	{
		name: "requests",
		version: func(t *testing.T) string {
			return printed(t, python, "-c", "import requests; print(requests.__version__)")
		},
		start: func(t *testing.T, certificate string) newSender {
			return startDriver(t, certificate, python, "testdata/requests_client.py").newSender
		},
		hasJar:     true,
		hasRetries: true,
	},
	{
		name:       "curl",
		version:    func(t *testing.T) string { return word(t, 1, printed(t, "curl", "--version")) },
		start:      startCurl,
		hasJar:     true,
		hasRetries: true,
	},
	{
		name:       "wget",
		version:    func(t *testing.T) string { return word(t, 2, printed(t, "wget", "--version")) },
		start:      startWget,
		hasJar:     true,
		hasRetries: true,
	},
	{
		name:    "tough-cookie",
		version: func(t *testing.T) string { return installed(t, "tough-cookie") },
		start:   nodeClient("tough-cookie"),
		hasJar:  true,
	},
	{
		name:       "undici",
		version:    func(t *testing.T) string { return installed(t, "undici") },
		start:      nodeClient("undici"),
		hasRetries: true,
	},
	{
		name:    "Node",
		version: func(t *testing.T) string { return strings.TrimPrefix(printed(t, "node", "--version"), "v") },
		start:   nodeClient("fetch"),
	},
	{
		name:    "Go",
		version: func(*testing.T) string { return strings.TrimPrefix(runtime.Version(), "go") },
		start:   startGo,
		hasJar:  true,
	},
}

// nodeClient returns the start of a client in js/client.js.
func nodeClient(name string) func(t *testing.T, certificate string) newSender {
	return func(t *testing.T, certificate string) newSender {
		return startDriver(t, certificate, "node", "js/client.js", name).newSender
	}
}

// python is that of Debian, for which there is a package with requests.
const python = "/usr/bin/python3"

// certificateFile writes the certificate of all servers of the tests to a file, and
// returns its path.
func certificateFile(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "certificate.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	testkit.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

// printed returns what a program prints.
func printed(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v (Debian: apt-get install curl wget python3-requests nodejs)", program, err)
	}
	return strings.TrimSpace(string(out))
}

// word returns the word at an index.
func word(t *testing.T, i int, line string) string {
	t.Helper()
	words := strings.Fields(line)
	if len(words) <= i {
		t.Fatalf("%q has no word %d", line, i)
	}
	return words[i]
}

// installed returns the version of a package of npm.
func installed(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("js", "node_modules", name, "package.json"))
	testkit.NoError(t, err)
	var manifest struct{ Version string }
	testkit.NoError(t, json.Unmarshal(raw, &manifest))
	return manifest.Version
}
