package postgres_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/postgres"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	needsSecret = "fleet: Secret must have 32 bytes or more, not "
	needsURL    = "postgres: URL and ListenURL must be as postgres://user:password@host:5432/name?sslmode=verify-full"
	needsPool   = "postgres: either URL or Pool is required, not both; Pool has its own TLS and Password"
	needsTLS    = "postgres: a database on another machine needs sslmode=verify-full or TLS that verifies its certificate, unless InsecureAllowPlaintext is set"
)

func TestConfig(t *testing.T) {
	verify := &tls.Config{MinVersion: tls.VersionTLS12}
	url := func(url string) postgres.Config { return postgres.Config{URL: session.NewSecret(url), Secret: secret} }
	with := func(c postgres.Config, change func(*postgres.Config)) postgres.Config { change(&c); return c }
	local, remote := newPool(t, "postgres://localhost/auth"), newPool(t, "postgres://db.example/auth")
	tests := []struct {
		name   string
		config postgres.Config
		want   string
	}{
		{name: "this machine", config: url("postgres://localhost/auth")},
		{name: "this machine by number", config: url("postgres://[::1]:5433/auth?sslmode=disable")},
		{name: "a socket", config: url("postgres:///auth?host=/run/postgresql")},
		{name: "a list of words", config: url("host=127.0.0.1 dbname=auth")},
		{name: "verified", config: url("postgres://db.example/auth?sslmode=verify-full")},
		{name: "verified issuer", config: url("postgres://db.example/auth?sslmode=verify-ca")},
		{name: "two hosts, verified", config: url("postgres://a.example,b.example/auth?sslmode=verify-full&target_session_attrs=read-write")},
		{name: "TLS by field", config: with(url("postgres://db.example/auth"), func(c *postgres.Config) { c.TLS = verify })},
		{name: "plain, and said so", config: with(url("postgres://db.example/auth?sslmode=disable"), func(c *postgres.Config) { c.InsecureAllowPlaintext = true })},
		{name: "a pool to this machine", config: postgres.Config{Pool: local, Secret: secret}},
		{name: "a pool and an address to listen", config: postgres.Config{Pool: local, ListenURL: session.NewSecret("postgres://localhost/auth"), Secret: secret}},
		{name: "plain by default", config: url("postgres://db.example/auth"), want: needsTLS},
		{name: "plain", config: url("postgres://db.example/auth?sslmode=disable"), want: needsTLS},
		{name: "not verified", config: url("postgres://db.example/auth?sslmode=require"), want: needsTLS},
		{name: "almost this machine", config: url("postgres://localhost.example/auth"), want: needsTLS},
		{name: "one of two hosts is another machine", config: url("postgres://localhost,db.example/auth"), want: needsTLS},
		{name: "plain to listen", config: with(url("postgres://localhost/auth"), func(c *postgres.Config) { c.ListenURL = session.NewSecret("postgres://db.example/auth") }), want: needsTLS},
		{name: "a pool that is plain", config: postgres.Config{Pool: remote, Secret: secret}, want: needsTLS},
		{name: "TLS that does not verify", config: with(url("postgres://db.example/auth"), func(c *postgres.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }), want: needsTLS},
		{name: "URL and Pool", config: with(url("postgres://localhost/auth"), func(c *postgres.Config) { c.Pool = local }), want: needsPool},
		{name: "Pool with TLS", config: postgres.Config{Pool: local, TLS: verify, Secret: secret}, want: needsPool},
		{name: "a short secret", config: with(url("postgres://localhost/auth"), func(c *postgres.Config) { c.Secret = session.NewSecret("short") }), want: needsSecret + "5"},
		{name: "nothing", config: postgres.Config{}, want: needsSecret + "0\n" + needsPool},
		{name: "everything wrong", config: postgres.Config{URL: session.NewSecret("http://user:hunter2@db"), Grace: -1, Timeout: time.Hour}, want: strings.Join([]string{
			needsSecret + "0", "fleet: Grace must be between 0 and 1m0s", "fleet: Timeout must be between 0 and 2s", needsURL,
		}, "\n")},
		{name: "a password in a URL that is invalid", config: url("postgres://user:hunter2@ho st/auth"), want: needsURL},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			coordinator, err := postgres.New(test.config)
			got := ""
			if err != nil {
				got = err.Error()
			} else if err := coordinator.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func newPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestConfigPrintsNoSecret(t *testing.T) {
	const password = "canary"
	config := postgres.Config{URL: session.NewSecret("postgres://user:" + password + "@localhost/auth"), Secret: secret}
	config.ListenURL = config.URL
	c, err := postgres.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		shown[verb] = fmt.Sprintf(strings.Repeat(verb, 3), config, &config, c)
	}
	for name, value := range map[string]any{"config": config, "coordinator": c} {
		text, _ := json.Marshal(value) // a Config holds functions, and makes it fail
		var logged strings.Builder
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
		shown["json of "+name], shown["log of "+name] = string(text), logged.String()
	}
	for name, text := range shown {
		if strings.Contains(text, secret.Reveal()) || strings.Contains(text, password) {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
}

// The application keeps its pool.
func TestPool(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	pool := newPool(t, server.URL(instance, createDatabase(t, server)))
	a, b := newCoordinator(t, "", postgres.Config{Pool: pool}), newCoordinator(t, "", postgres.Config{Pool: pool})
	wantShared(t, a, b, "a")
	a.deny(t, 1)
	b.wantDenied(t, 1)
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool after Close: %v", err)
	}
	wantShared(t, b, b, "b")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	roots, err := server.RequireTLS()
	if err != nil {
		t.Fatal(err)
	}
	database := createDatabase(t, server)
	url := strings.ReplaceAll(server.URL(instance, database), "?sslmode=disable", "")
	config := postgres.Config{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	a, b := newCoordinator(t, url, config), newCoordinator(t, url, config)
	wantShared(t, a, b, "a")
	a.deny(t, 1)
	b.wantDenied(t, 1)
	if got := connections(t, server, database, "ssl"); got == 0 {
		t.Error("no connection has TLS")
	}
	if got := connections(t, server, database, "NOT ssl"); got > 0 {
		t.Errorf("%d connections have no TLS", got)
	}
	untrusted := newCoordinator(t, url, postgres.Config{TLS: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}})
	calls := &coordinatortest.Calls{}
	coordinatortest.Do(t, untrusted, "a", calls) // alone
	calls.WantExchanged(t, 1)
}

// A name that resolves to another machine is not connected to without TLS.
func TestPlaintextStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.ParseConfig("postgres://localhost/auth?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config := postgres.Config{URL: session.NewSecret("postgres://localhost/auth?sslmode=disable")}
	if err := config.Secure(&pool.ConnConfig.Config); err != nil {
		t.Fatal(err)
	}
	conn, err := pool.ConnConfig.DialFunc(t.Context(), "tcp", net.JoinHostPort("192.0.2.1", "5432"))
	if err == nil {
		_ = conn.Close()
		t.Fatal("connected to another machine")
	}
	if want := "192.0.2.1:5432 is another machine"; !strings.Contains(err.Error(), want) {
		t.Errorf("err = %v, want %q", err, want)
	}
}
