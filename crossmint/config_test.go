package crossmint_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// faults returns the lines of the error of NewClient.
func faults(config crossmint.Config) []string {
	if text := keyError(config); text != "" {
		return strings.Split(text, "\n")
	}
	return nil
}

func TestConfigURLs(t *testing.T) {
	const (
		absolute = "must be an absolute URL"
		https    = "must be https, or http to a loopback host"
		plain    = "plain http is for loopback hosts only: the network could read the API key"
		userinfo = "must not hold userinfo"
		query    = "must not hold a query or a fragment"
	)
	tests := map[string]string{
		"https://api.example":          "",
		"https://api.example/":         "",
		"https://api.example:8443/v":   "",
		"http://localhost:3000":        "",
		"http://crossmint.localhost":   "",
		"http://127.0.0.1:1":           "",
		"http://127.9.9.9":             "",
		"http://[::1]:3000":            "",
		"http://api.example":           plain,
		"http://localhost.example":     plain,
		"http://notlocalhost":          plain,
		"http://127.0.0.1.example":     plain,
		"http://10.0.0.1":              plain,
		"http://0.0.0.0":               plain,
		"http://[::ffff:10.0.0.1]":     plain,
		"https://user@api.example":     userinfo,
		"https://u:hunter2@api.ex":     userinfo,
		"https://api.example?":         query,
		"https://api.example?key=1":    query,
		"https://api.example#":         query,
		"https://api.example#part":     query,
		"https://api.example/#/":       query,
		"ftp://api.example":            https,
		"javascript://api.example":     https,
		"api.example":                  absolute,
		"//api.example":                https,
		"/path":                        absolute,
		"https:api.example":            absolute,
		"https://":                     absolute,
		"https://:443":                 absolute,
		"https://api example":          "not a URL",
		"https://api.example/%zz":      "not a URL",
		"https://api.example/\r\nX: y": "not a URL",
		"https://u:hunter2@api.ex:bad": "not a URL",
	}
	for url, fault := range tests {
		t.Run(url, func(t *testing.T) {
			for _, field := range []string{"BaseURL", "RefreshRoute", "CallbackURL"} {
				config := crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x"))}
				switch field {
				case "BaseURL":
					config.BaseURL = url
				case "RefreshRoute":
					config.RefreshRoute = url
				default:
					config.CallbackURL = url
				}
				var want []string
				if fault != "" {
					want = []string{"crossmint: " + field + ": " + fault}
				}
				got := faults(config)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("faults (-want +got):\n%s", diff)
				}
				if strings.Contains(strings.Join(got, ""), "hunter2") {
					t.Error("the fault repeats a password")
				}
			}
		})
	}
}

func TestConfigReportsAllFaults(t *testing.T) {
	got := faults(crossmint.Config{
		APIKey: session.NewSecret("sk_test"), BaseURL: "http://api.example", RefreshRoute: "https://u@api.example", AppID: "a\nb", ExtensionID: "é",
		Timeout: -1, Leeway: 6 * time.Minute, KeysRefreshAfter: time.Hour, KeysMaxAge: time.Minute,
	})
	want := []string{
		oldFormat,
		"crossmint: BaseURL: plain http is for loopback hosts only: the network could read the API key",
		"crossmint: RefreshRoute: must not hold userinfo",
		"crossmint: AppID: not a header value",
		"crossmint: ExtensionID: not a header value",
		"crossmint: a duration is negative",
		"crossmint: Leeway is above 5m0s",
		"crossmint: KeysMaxAge is below KeysRefreshAfter",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestConfigBounds(t *testing.T) {
	negative := []string{"crossmint: a duration is negative"}
	tests := []struct {
		name   string
		change func(*crossmint.Config)
		want   []string
	}{
		{name: "nothing but a key", change: func(*crossmint.Config) {}, want: nil},
		{name: "Timeout negative", change: func(c *crossmint.Config) { c.Timeout = -1 }, want: negative},
		{name: "Leeway negative", change: func(c *crossmint.Config) { c.Leeway = -1 }, want: negative},
		{name: "KeysRefreshAfter negative", change: func(c *crossmint.Config) { c.KeysRefreshAfter = -1 }, want: negative},
		{name: "KeysMaxAge negative", change: func(c *crossmint.Config) { c.KeysMaxAge = -1 }, want: append(negative[:1:1], "crossmint: KeysMaxAge is below KeysRefreshAfter")},
		{name: "Leeway of 5 min", change: func(c *crossmint.Config) { c.Leeway = 5 * time.Minute }, want: nil},
		{name: "AppID of 512 bytes", change: func(c *crossmint.Config) { c.AppID = strings.Repeat("a", 512) }, want: nil},
		{name: "AppID of 513 bytes", change: func(c *crossmint.Config) { c.AppID = strings.Repeat("a", 513) }, want: []string{"crossmint: AppID: not a header value"}},
		{name: "ExtensionID with a tab", change: func(c *crossmint.Config) { c.ExtensionID = "a\tb" }, want: []string{"crossmint: ExtensionID: not a header value"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config := crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x"))}
			test.change(&config)
			if diff := cmp.Diff(test.want, faults(config)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	for environment, base := range map[string]string{
		"development": "http://localhost:3000", "staging": "https://staging.crossmint.com", "production": "https://www.crossmint.com",
	} {
		client := newClient(t, crossmint.Config{APIKey: session.NewSecret(mint("sk_"+environment, "project-1.x")), APIKeyVerifiers: testVerifiers()})
		got := []string{client.ProjectID(), string(client.Environment()), client.JWKSURL(), client.KeysFetchedAt().String()}
		want := []string{"project-1", environment, base + "/.well-known/jwks.json", time.Time{}.String()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", environment, diff)
		}
	}
}

type roundTripper struct{ http.RoundTripper }

// A program may have wrapped the default transport, for example for metrics.
func TestConfigWithoutStandardTransport(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = roundTripper{before}
	newClient(t, crossmint.Config{APIKey: session.NewSecret(mint("sk_staging", "p.x")), APIKeyVerifiers: testVerifiers()})
}
