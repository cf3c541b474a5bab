package redis_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/crossmint-go/auth/session"
	protocol "github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/redis"
	"github.com/google/go-cmp/cmp"
)

const (
	needsSecret = "fleet: Secret must have 32 bytes or more, not "
	needsURL    = "redis: URL must be as rediss://user:password@host:6379/0"
	needsTLS    = "redis: URL must be rediss:// for a store on another machine, unless InsecureAllowPlaintext is set"
	needsVerify = "redis: TLS must verify the store's certificate: give its roots in TLS.RootCAs"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		name   string
		config redis.Config
		want   string
	}{
		{"a store on this machine", redis.Config{URL: session.NewSecret("redis://localhost"), Secret: secret}, ""},
		{"by number", redis.Config{URL: session.NewSecret("redis://127.0.0.1:1/2"), Secret: secret}, ""},
		{"a socket", redis.Config{URL: session.NewSecret("unix:///run/store.sock"), Secret: secret}, ""},
		{"TLS", redis.Config{URL: session.NewSecret("rediss://user:password@store.example"), Secret: secret}, ""},
		{"TLS by field", redis.Config{URL: session.NewSecret("redis://store.example"), Secret: secret, TLS: &tls.Config{}}, ""},
		{"plain, and said so", redis.Config{URL: session.NewSecret("redis://store.example"), Secret: secret, InsecureAllowPlaintext: true}, ""},
		{"plain", redis.Config{URL: session.NewSecret("redis://store.example"), Secret: secret}, needsTLS},
		{"plain by one address", redis.Config{URL: session.NewSecret("redis://localhost?addr=store.example:6379"), Secret: secret}, needsTLS},
		{"almost this machine", redis.Config{URL: session.NewSecret("redis://localhost.example"), Secret: secret}, needsTLS},
		{"certificates unchecked", redis.Config{URL: session.NewSecret("rediss://store.example?skip_verify=true"), Secret: secret}, needsVerify},
		{"certificates unchecked by field", redis.Config{
			URL: session.NewSecret("rediss://store.example"), Secret: secret, TLS: &tls.Config{InsecureSkipVerify: true},
		}, needsVerify},
		{"a short secret", redis.Config{URL: session.NewSecret("redis://localhost"), Secret: session.NewSecret(strings.Repeat("x", 31))}, needsSecret + "31"},
		{"everything wrong", redis.Config{URL: session.NewSecret("http://user:hunter2@store"), Grace: -1, Timeout: time.Hour}, strings.Join([]string{
			needsSecret + "0", "fleet: Grace must be between 0 and 1m0s", "fleet: Timeout must be between 0 and 2s", needsURL,
		}, "\n")},
		{"nothing", redis.Config{}, needsSecret + "0\n" + needsURL},
		{"a password in an URL that is none", redis.Config{URL: session.NewSecret("redis://user:hunter2@ho st"), Secret: secret}, needsURL},
	} {
		t.Run(c.name, func(t *testing.T) {
			coordinator, err := redis.New(c.config)
			got := ""
			if err != nil {
				got = err.Error()
			} else if err := coordinator.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigPrintsNoSecret(t *testing.T) {
	const password = "canary"
	config := redis.Config{URL: session.NewSecret("rediss://user:" + password + "@store.example:6379/0"), Secret: secret}
	c := newCoordinator(t, config.URL.Reveal(), redis.Config{})
	holder := struct{ Store redis.Config }{config}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		shown[verb] = fmt.Sprintf(strings.Repeat(verb, 5), config, &config, holder, c, struct{ hidden *protocol.Coordinator }{c})
	}
	for name, value := range map[string]any{"config": config, "pointer": &config, "holder": holder, "coordinator": c} {
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
	if got := fmt.Sprintf("%d", c); got != "fleet.Coordinator" {
		t.Errorf("a coordinator prints its keys: %s", got)
	}
}
