package nats_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/google/go-cmp/cmp"
	natsgo "github.com/nats-io/nats.go"
)

const (
	needsURL         = "nats: URL must be as tls://user:password@host:4222"
	needsTLS         = "nats: URL must be tls:// for a server on another machine, unless InsecureAllowPlaintext is set"
	needsVerify      = "nats: TLS must verify the servers' certificates: give their roots in TLS.RootCAs"
	needsOneUser     = "nats: only one of CredentialsFile, NKeyFile, Credentials and a user in URL may be set"
	needsOnlyConn    = "nats: URL, TLS and credentials must not be set beside Conn"
	needsFewReplicas = "nats: Replicas must be between 0 and 5"
)

func TestConfig(t *testing.T) {
	credentials := func() (string, session.Secret, error) { return "", session.Secret{}, nil }
	url := session.NewSecret
	for _, c := range []struct {
		name   string
		config nats.Config
		want   string
	}{
		{name: "a server on this machine", config: nats.Config{URL: url("nats://localhost")}},
		{name: "by number", config: nats.Config{URL: url("nats://user:password@127.0.0.1:4222")}},
		{name: "TLS", config: nats.Config{URL: url("tls://user:password@nats.example, tls://other.example:4222")}},
		{name: "TLS by one address", config: nats.Config{URL: url("tls://nats.example,nats://other.example")}},
		{name: "TLS by field", config: nats.Config{URL: url("nats://nats.example"), TLS: &tls.Config{}}},
		{name: "plain, and said so", config: nats.Config{URL: url("nats://nats.example"), InsecureAllowPlaintext: true}},
		{name: "a connection", config: nats.Config{Conn: &natsgo.Conn{}}},
		{name: "a file with credentials", config: nats.Config{URL: url("tls://nats.example"), CredentialsFile: "app.creds"}},
		{name: "plain", config: nats.Config{URL: url("nats://nats.example")}, want: needsTLS},
		{name: "plain by one address", config: nats.Config{URL: url("nats://localhost,nats://nats.example")}, want: needsTLS},
		{name: "almost this machine", config: nats.Config{URL: url("nats://localhost.example")}, want: needsTLS},
		{name: "certificates unchecked", config: nats.Config{
			URL: url("tls://nats.example"), TLS: &tls.Config{InsecureSkipVerify: true},
		}, want: needsVerify},
		{name: "two sources of credentials", config: nats.Config{
			URL: url("tls://nats.example"), CredentialsFile: "app.creds", Credentials: credentials,
		}, want: needsOneUser},
		{name: "a user beside credentials", config: nats.Config{URL: url("tls://user:hunter2@nats.example"), Credentials: credentials}, want: needsOneUser},
		{name: "a file without a seed", config: nats.Config{URL: url("tls://nats.example"), NKeyFile: "config_test.go"}, want: "nats: NKeyFile must have the seed of an NKey"},
		{name: "an URL beside a connection", config: nats.Config{URL: url("tls://nats.example"), Conn: &natsgo.Conn{}}, want: needsOnlyConn},
		{name: "a websocket", config: nats.Config{URL: url("wss://nats.example")}, want: needsURL},
		{name: "an URL without a scheme", config: nats.Config{URL: url("nats.example:4222")}, want: needsURL},
		{name: "a password in an URL that is none", config: nats.Config{URL: url("tls://user:hunter2@ho st")}, want: needsURL},
		{name: "everything wrong", config: nats.Config{URL: url("http://user:hunter2@nats"), Replicas: 6, Grace: -1}, want: strings.Join([]string{
			"fleet: Grace must be between 0 and 1m0s", needsFewReplicas, needsURL,
		}, "\n")},
		{name: "nothing", config: nats.Config{}, want: needsURL},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Secret = secret
			coordinator, err := nats.New(c.config)
			got := ""
			if err != nil {
				got = err.Error()
			} else if c.config.Conn == nil {
				if err := coordinator.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDial(t *testing.T) {
	const other = "192.0.2.1:4222" // RFC 5737: no machine has it
	t.Run("a plain connection to a server that the cluster names", func(t *testing.T) {
		err := nats.Dial(nats.Config{URL: session.NewSecret("nats://localhost")}, other)
		if err == nil || !strings.Contains(err.Error(), "another machine") {
			t.Errorf("err = %v, want a refusal", err)
		}
	})
	t.Run("no credentials", func(t *testing.T) {
		want := errors.New("no credentials")
		err := nats.Dial(nats.Config{
			URL:         session.NewSecret("tls://nats.example"),
			Credentials: func() (string, session.Secret, error) { return "", session.Secret{}, want },
		}, other)
		if !errors.Is(err, want) {
			t.Errorf("err = %v, want that of Credentials", err)
		}
	})
}

func TestConfigPrintsNoSecret(t *testing.T) {
	const password = "canary"
	config := nats.Config{URL: session.NewSecret("tls://user:" + password + "@nats.example"), Secret: secret, Timeout: time.Second}
	c, err := nats.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	store := openStore(t, config)
	holder := struct{ Store nats.Config }{config}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		shown[verb] = fmt.Sprintf(strings.Repeat(verb, 6), config, &config, holder, c, store, struct{ hidden *fleet.Coordinator }{c})
	}
	for name, value := range map[string]any{"config": config, "pointer": &config, "holder": holder, "coordinator": c, "store": store} {
		text, _ := json.Marshal(value) // a Config holds functions, and makes it fail
		var logged strings.Builder
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
		shown["json of "+name], shown["log of "+name] = string(text), logged.String()
	}
	for name, text := range shown {
		if strings.Contains(text, secret.Reveal()) || strings.Contains(text, password) {
			t.Errorf("%s shows a secret: %s", name, text)
		}
	}
}
