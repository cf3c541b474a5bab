package witness_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// vendorKey is the API key that the vendor publishes in its own tests, because the SDK
// accepts only keys that the vendor has signed. The kit uses the same one.
//
//go:embed testdata/apikey.txt
var vendorKey string

// vendorProject is the project of that key.
const vendorProject = "dfb06708-a46f-4615-bd34-f614ae284e7b"

// The paths of upstream's API.
const (
	apiPath  = "/api/2024-09-26"
	authPath = apiPath + "/session/sdk/auth"
	jwksPath = "/.well-known/jwks.json"
	// routePath is the refresh route of another server, which calls upstream.
	routePath = "/elsewhere/refresh"
)

// call is one call that reached upstream.
type call struct {
	method, path string
	header       http.Header
	body         []byte
}

// upstream is the fake Crossmint, with a recorder in front of it.
type upstream struct {
	*crossminttest.Server
	user     session.User
	names    *names
	recorder *httptest.Server

	mu    sync.Mutex // guards all below
	calls []call
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{ProjectID: vendorProject, Environment: crossmint.Development})
	fatal(t, err)
	t.Cleanup(fake.Close)
	u := &upstream{Server: fake, user: fake.NewUser("ann@example.com"), names: newNames()}
	u.recorder = httptest.NewServer(http.HandlerFunc(u.record))
	t.Cleanup(u.down)
	u.names.add("$upstream", u.recorder.URL)
	u.names.add("$key", strings.TrimSpace(vendorKey))
	u.names.add("$project", vendorProject)
	u.names.add("$user", u.user.ID)
	return u
}

// down lets upstream refuse connections.
func (u *upstream) down() {
	u.recorder.CloseClientConnections()
	u.recorder.Close()
}

// record records a call and passes it to the fake.
func (u *upstream) record(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	u.mu.Lock()
	u.calls = append(u.calls, call{r.Method, r.RequestURI, r.Header.Clone(), body})
	u.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("x-api-key") == strings.TrimSpace(vendorKey) {
		r.Header.Set("x-api-key", u.APIKey()) // the fake accepts only its own key
	}
	if r.URL.Path == routePath {
		u.serveRoute(w, r)
		return
	}
	seen := &tee{ResponseWriter: w}
	u.Server.ServeHTTP(seen, r)
	u.nameTokens(seen.body.Bytes())
}

// serveRoute responds like the refresh route of another server.
func (u *upstream) serveRoute(w http.ResponseWriter, r *http.Request) {
	r.URL.Path = authPath + "/refresh"
	r.Header.Set("x-api-key", u.APIKey())
	response := httptest.NewRecorder()
	u.Server.ServeHTTP(response, r)
	u.nameTokens(response.Body.Bytes())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(response.Code)
	_, _ = w.Write(bytes.Replace(response.Body.Bytes(), []byte(`"refresh":`), []byte(`"refreshToken":`), 1))
}

// nameTokens names the tokens and times in the response of a refresh.
func (u *upstream) nameTokens(response []byte) {
	var grant struct {
		JWT     string
		Refresh struct{ Secret, ExpiresAt string }
	}
	if json.Unmarshal(response, &grant) != nil {
		return
	}
	u.names.add("$new-jwt", grant.JWT)
	u.names.add("$new-refresh", grant.Refresh.Secret)
	u.names.add("$new-expiry", grant.Refresh.ExpiresAt)
	if end, err := time.Parse(time.RFC3339, grant.Refresh.ExpiresAt); err == nil {
		u.names.addTime("$new-expiry", end)
	}
}

// recorded returns the calls so far: key fetches and others.
func (u *upstream) recorded() (keys, others []call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.calls {
		if c.path == jwksPath {
			keys = append(keys, c)
		} else {
			others = append(others, c)
		}
	}
	return keys, others
}

// tee keeps a copy of the body.
type tee struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *tee) Write(p []byte) (int, error) {
	t.body.Write(p)
	return t.ResponseWriter.Write(p)
}

// Unwrap lets the fake hijack the connection.
func (t *tee) Unwrap() http.ResponseWriter { return t.ResponseWriter }
