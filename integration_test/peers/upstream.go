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
// JavaScript SDK and the example accept only keys that the vendor has signed.
//
//go:embed testdata/apikey.txt
var vendorKey string

// vendorProject is the project of that key.
const vendorProject = "dfb06708-a46f-4615-bd34-f614ae284e7b"

// The names of the session cookies. The JavaScript SDK uses another name for the
// JWT.
const (
	jwtCookie     = "crossmint-session"
	nodeJWTCookie = "crossmint-jwt"
	refreshCookie = "crossmint-refresh-token"
)

// adminRole is the claim "role" of the user's JWT.
const adminRole = "admin"

// settings configure a contender. Other processes receive them as JSON.
type settings struct {
	// URL is the base URL of the fake, JWKS the URL of its key set, and
	// ClerkAPI the base URL under which the key set is at /jwks.
	URL, JWKS, ClerkAPI string
	Issuer, Audience    string
	APIKey, VendorKey   string
	APIKeyVerifiers     map[crossmint.Environment]ed25519.PublicKey
	// UserID and JSON are the responses of the bare handlers.
	UserID, JSON string
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
		UserID:    u.user.ID,

		APIKeyVerifiers: fake.Config().APIKeyVerifiers,
	}
	fake.AcceptAPIKey(u.settings.VendorKey)
	return u, nil
}

func (u *upstream) close() {
	u.clerk.Close()
	u.Close()
}

// cookies returns a Cookie header with the JWT in a cookie of that name.
func cookies(name, jwt, refreshToken string) string {
	return "theme=dark; " + name + "=" + jwt + "; " + refreshCookie + "=" + refreshToken
}

// valid returns the Cookie header of a valid session of the user.
func (u *upstream) valid(name string) string {
	jwt := u.Sign(u.user, nil, map[string]any{"role": adminRole})
	return cookies(name, jwt, u.Grant(u.user).RefreshToken.Secret.Reveal())
}

// newRequest returns a request as a server receives it.
func newRequest(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}
