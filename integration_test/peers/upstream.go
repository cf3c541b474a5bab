package main

import (
	"crypto/ed25519"
	_ "embed"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// vendorKey is the API key that the vendor publishes in its own tests. The
// JavaScript SDK accepts no key that the vendor has not signed.
//
//go:embed testdata/apikey.txt
var vendorKey string

// vendorProject is the project of that key.
const vendorProject = "dfb06708-a46f-4615-bd34-f614ae284e7b"

// The cookies in which a browser presents its session. The JavaScript SDK has
// another name for the first.
const (
	jwtCookie     = "crossmint-session"
	nodeJWTCookie = "crossmint-jwt"
	refreshCookie = "crossmint-refresh-token"
)

// settings are what a contender needs to know. They are handed to other
// processes as JSON.
type settings struct {
	// URL is the fake's; JWKS is where it publishes its keys, and ClerkAPI
	// the base URL under which they are found at /jwks.
	URL, JWKS, ClerkAPI string
	Issuer, Audience    string
	APIKey, VendorKey   string
	Signers             map[crossmint.Environment]ed25519.PublicKey
	// UserID is what a bare handler answers, which knows no users.
	UserID string
}

// upstream is the fake Crossmint behind all contenders.
type upstream struct {
	*crossminttest.Server
	settings settings
	user     session.User
	clerk    *httptest.Server
}

func newUpstream(algorithm string) (*upstream, error) {
	const issuer = "https://dev.crossmint.com"
	fake, err := crossminttest.New(crossminttest.Config{
		ProjectID:   vendorProject,
		Environment: crossmint.Development,
		Issuer:      issuer,
		Algorithm:   algorithm,
	})
	if err != nil {
		return nil, err
	}
	clerk := http.NewServeMux()
	clerk.HandleFunc("GET /v1/jwks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(fake.JWKS())
	})
	u := &upstream{Server: fake, user: fake.NewUser("ann@example.com"), clerk: httptest.NewServer(clerk)}
	u.settings = settings{
		URL:       fake.URL(),
		JWKS:      fake.URL() + "/.well-known/jwks.json",
		ClerkAPI:  u.clerk.URL + "/v1",
		Issuer:    issuer,
		Audience:  vendorProject,
		APIKey:    fake.APIKey(),
		VendorKey: strings.TrimSpace(vendorKey),
		Signers:   fake.Config().Signers,
		UserID:    u.user.ID,
	}
	return u, nil
}

func (u *upstream) close() {
	u.clerk.Close()
	u.Close()
}

// cookies returns the Cookie header of a browser that has the JWT in a cookie
// of that name.
func cookies(name, jwt, refreshToken string) string {
	return "theme=dark; " + name + "=" + jwt + "; " + refreshCookie + "=" + refreshToken
}

// valid returns the Cookie header of the user, signed in.
func (u *upstream) valid(name string) string {
	grant := u.Grant(u.user)
	return cookies(name, grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal())
}

// newRequest returns a request as a server reads it.
func newRequest(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}
