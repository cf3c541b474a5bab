package testkit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Config configures a [Kit]. The zero value is fine.
type Config struct {
	// Fake configures the fake. Its Algorithm is ES256 unless it names another:
	// that is the fastest to make keys for.
	Fake crossminttest.Config
	// Client may change the configuration of the client. nil: no change.
	Client func(*crossmint.Config)
	// Session configures the manager. Upstream is the client unless it names
	// another.
	Session session.Config
}

// A Kit is a session.Manager whose upstream is a fake Crossmint. It records all
// events. The end of the test closes it.
type Kit struct {
	Events
	Fake    *crossminttest.Server
	Client  *crossmint.Client
	Manager *session.Manager

	t testing.TB
}

// New returns a Kit. In a testing/synctest bubble set Config.Fake.InMemory.
func New(t testing.TB, config Config) *Kit {
	t.Helper()
	if config.Fake.Algorithm == "" {
		config.Fake.Algorithm = "ES256"
	}
	fake, err := crossminttest.New(config.Fake)
	NoError(t, err)
	t.Cleanup(fake.Close)
	k := &Kit{Fake: fake, t: t}
	k.Client = k.NewClient(config.Client)
	k.Manager = k.NewManager(config.Session)
	return k
}

// NewClient returns another client of the fake. change may be nil.
func (k *Kit) NewClient(change func(*crossmint.Config)) *crossmint.Client {
	k.t.Helper()
	config := k.Fake.Config()
	config.Logger = DiscardLogger()
	if change != nil {
		change(&config)
	}
	client, err := crossmint.NewClient(config)
	NoError(k.t, err)
	k.t.Cleanup(client.Close)
	return client
}

// NewManager returns another manager. Its Upstream is the client of the Kit
// unless config names another. The Kit records its events; config.OnEvent gets
// them, too.
func (k *Kit) NewManager(config session.Config) *session.Manager {
	k.t.Helper()
	if config.Upstream == nil {
		config.Upstream = k.Client
	}
	hook := config.OnEvent
	config.OnEvent = func(ctx context.Context, e event.Event) {
		k.Record(ctx, e)
		if hook != nil {
			hook(ctx, e)
		}
	}
	m, err := session.NewManager(config)
	NoError(k.t, err)
	k.t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

// SignIn returns the tokens of a user after a sign-in. An empty address means a
// new user.
func (k *Kit) SignIn(email string) session.Material {
	return Material(k.Fake.Grant(k.Fake.NewUser(email)))
}

// Expired returns the tokens of a user whose JWT has expired.
func (k *Kit) Expired(email string) session.Material {
	return Material(k.Fake.ExpiredGrant(k.Fake.NewUser(email)))
}

// Material returns the tokens of a grant.
func Material(g session.Grant) session.Material {
	return session.Material{JWT: g.JWT, RefreshToken: g.RefreshToken.Secret}
}

// AddCookies adds the documented cookies of a session to r. It leaves out empty
// tokens.
func AddCookies(r *http.Request, m session.Material) {
	if !m.JWT.IsZero() {
		r.AddCookie(&http.Cookie{Name: "crossmint-session", Value: m.JWT.Reveal()})
	}
	if !m.RefreshToken.IsZero() {
		r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token", Value: m.RefreshToken.Reveal()})
	}
}

// AddMarker adds the marker of a first refusal to r: the cookie that says when
// upstream has first refused the refresh token. The names are the documented ones.
func AddMarker(r *http.Request, refreshToken string, at time.Time) {
	text := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[2:]
	mac := hmac.New(sha256.New, []byte(refreshToken+"\x00"))
	mac.Write([]byte("crossmint-go/auth refused 1"))
	mac.Write(text)
	value := base64.RawURLEncoding.EncodeToString(mac.Sum(text)[:18])
	r.AddCookie(&http.Cookie{Name: "crossmint-refresh-token-refused", Value: value})
}

// RejectedByUpstream is a response with which upstream definitely rejects a
// token.
func RejectedByUpstream() crossminttest.Fault {
	return crossminttest.Status(http.StatusUnauthorized, "application/json", `{"error":"Unauthorized"}`)
}

// BadGateway is a response that decides nothing about a token.
func BadGateway() crossminttest.Fault {
	return crossminttest.Status(http.StatusBadGateway, "text/html", "<html>")
}
