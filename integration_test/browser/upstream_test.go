package browser_test

import (
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// projectID is the project of the vendor's published test key.
const projectID = "dfb06708-a46f-4615-bd34-f614ae284e7b"

// newFake returns a fake Crossmint for that project.
func newFake(t *testing.T, config crossminttest.Config) *crossminttest.Server {
	t.Helper()
	config.ProjectID, config.Environment = projectID, crossmint.Development
	fake, err := crossminttest.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

// pagesKey returns the API key of the pages. The vendor publishes it in its own tests,
// and the client accepts only keys that the vendor has signed.
func pagesKey(t *testing.T) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join("testdata", "apikey.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// newFront lets the fake accept the API key of the pages, and returns the URL of the fake
// for them. A page on https needs one on https.
func newFront(t *testing.T, fake *crossminttest.Server, https bool) string {
	t.Helper()
	fake.AcceptAPIKey(pagesKey(t))
	if !https {
		return fake.URL()
	}
	target, err := url.Parse(fake.URL())
	fatal(t, err)
	return serve(t, true, httputil.NewSingleHostReverseProxy(target))
}
