package crossmint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// service is a struct of a program that holds a client. fmt calls no methods on
// its fields, and follows pointers for some verbs.
type service struct {
	config   crossmint.Config
	client   *crossmint.Client
	sessions *session.Manager
}

// No way to print, log or marshal a client, its configuration or a struct of them
// shows the API key.
func TestAPIKeyIsNotPrinted(t *testing.T) {
	config := newFake(t, crossminttest.Config{InMemory: true}).Config()
	key, client := config.APIKey.Reveal(), newClient(t, config)
	sessions, err := session.NewManager(session.Config{Upstream: client})
	if err != nil {
		t.Fatal(err)
	}
	bare := crossmint.Config{APIKey: config.APIKey} // JSON can marshal it
	values := map[string]any{
		"a Config": config, "*Config": &config, "a bare Config": bare, "a Client": client, "its value": *client,
		"a Manager": sessions, "a session.Config": session.Config{Upstream: client},
		"a program's struct": service{config, client, sessions}, "a pointer to it": &service{config, client, sessions},
	}
	for name, value := range values {
		forms := map[string]string{}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			forms[verb] = fmt.Sprintf(verb, value)
		}
		text, _ := json.Marshal(value) // fails for most of them
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Info("x", "value", value)
		}
		forms["JSON"], forms["a log"] = string(text), log.String()
		for form, text := range forms {
			if strings.Contains(text, key) || strings.Contains(text, fmt.Sprintf("%x", key)) {
				t.Errorf("%s shows the API key as %s", name, form)
			}
		}
	}
}
