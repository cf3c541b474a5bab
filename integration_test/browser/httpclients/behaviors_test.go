package httpclients_test

import (
	"testing"

	"github.com/crossmint-go/auth/cookie"
)

// behaviors are what each client does with one thing. A row of docs/compat.md with the
// same name says what that is.
var behaviors = []struct {
	name    string
	observe func(t *testing.T, c running) string
}{
	{
		name: "`Secure` cookie from `http://127.0.0.1`",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "127.0.0.1", false, "c=1; Secure")
		},
	},
	{
		name: "`Secure` cookie from `http://localhost`",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "localhost", false, "c=1; Secure")
		},
	},
	{
		name: "`Secure` cookie from `https://127.0.0.1`",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "127.0.0.1", true, "c=1; Secure")
		},
	},
	{
		name: "`__Host-` cookie without `Secure`",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "127.0.0.1", true, "__Host-c=1; Path=/")
		},
	},
	{
		name: "`__Secure-` cookie without `Secure`",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "127.0.0.1", true, "__Secure-c=1; Path=/")
		},
	},
	{
		name: "`Partitioned` cookie",
		observe: func(t *testing.T, c running) string {
			return storedFrom(t, c, "127.0.0.1", true, "c=1; Secure; SameSite=None; Partitioned")
		},
	},
	{
		name:    "cookie deleted with `Max-Age=0`",
		observe: deleted,
	},
	{
		name:    "cookies after a logout",
		observe: loggedOut,
	},
	{
		name:    "307 to a GET, with a new cookie",
		observe: func(t *testing.T, c running) string { return askedAgain(t, c, "GET", "/") },
	},
	{
		name:    "307 to a POST, with a new cookie",
		observe: func(t *testing.T, c running) string { return askedAgain(t, c, "POST", "/refresh") },
	},
	{
		name:    "503 to a GET",
		observe: func(t *testing.T, c running) string { return repeated(t, c, "GET", "/", false) },
	},
	{
		name:    "503 to a GET, with the setting for retries",
		observe: func(t *testing.T, c running) string { return repeated(t, c, "GET", "/", true) },
	},
	{
		name:    "503 to a POST, with the setting for retries",
		observe: func(t *testing.T, c running) string { return repeated(t, c, "POST", "/refresh", true) },
	},
	{
		name:    "sign-in by the forms, expired JWT, logout, on https",
		observe: func(t *testing.T, c running) string { return signInByForms(t, c, options{}) },
	},
	{
		name: "the same on http, with `InsecureAllowHTTP`",
		observe: func(t *testing.T, c running) string {
			return signInByForms(t, c, options{plainHTTP: true, cookies: cookie.Config{InsecureAllowHTTP: true}})
		},
	},
	{
		name:    "the same with tokens in place of cookies, on http",
		observe: signInByTokens,
	},
}

// running is a client that has been started.
type running struct {
	client
	newSender newSender
}

// TestHTTPClients compares what each client does with the table in docs/compat.md.
func TestHTTPClients(t *testing.T) {
	documented := documentedBehaviors(t)
	t.Run("with", func(t *testing.T) { // ends when all have ended
		for _, c := range clients {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				t.Logf("%s %s", c.name, c.version(t))
				started := running{c, c.start(t, certificateFile(t))}
				for _, b := range behaviors {
					t.Run(b.name, func(t *testing.T) {
						got := b.observe(t, started)
						if want := documented[b.name][c.name]; got != want {
							t.Errorf("docs/compat.md says %q about %s, and it is %q", want, c.name, got)
						}
					})
				}
			})
		}
	})
	for _, b := range behaviors {
		delete(documented, b.name)
	}
	for name := range documented {
		t.Errorf("docs/compat.md has a row without a test: %s", name)
	}
}
