package session_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// user is a program's struct with the kit's types in it, where fmt calls none
// of their methods.
type user struct {
	manager *session.Manager
	events  []session.Event
	health  session.Health
	result  session.Result
	err     error
}

// printed is v in every form in which it may end up somewhere.
func printed(v any) string {
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", v)
	}
	if text, err := json.Marshal(v); err == nil {
		out.Write(text)
	}
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, debug), slog.NewJSONHandler(&out, debug)} {
		slog.New(handler).Debug("x", "v", v)
	}
	return out.String()
}

// A manager remembers tokens and does not show them, nor do its events, its
// errors and its results.
func TestManagerDoesNotPrintTokens(t *testing.T) {
	in(t, "whatever has happened", crossminttest.Config{}, session.Config{ReportAllowed: true}, func(t *testing.T, w *world) {
		var tokens []string
		use := func(g session.Grant) session.Material {
			tokens = append(tokens, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
			return session.NewMaterial(g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
		}
		valid, expired := w.fake.Grant(w.fake.NewUser("ann@example.com")), w.fake.ExpiredGrant(w.fake.NewUser("bob@example.com"))
		_, _ = w.authenticate(use(valid))
		renewed, err := w.authenticate(use(expired))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, renewed.Session.JWT.Reveal(), renewed.Session.RefreshToken.Secret.Reveal())
		_ = w.Logout(t.Context(), use(valid), session.Secret{})
		var failures []error
		for _, fault := range []crossminttest.Fault{refusing(), down(), crossminttest.InvalidUTF8(), crossminttest.Truncate()} {
			w.fake.FailAlways(crossminttest.Refresh, fault)
			_, err := w.authenticate(use(w.fake.ExpiredGrant(w.fake.NewUser("cy@example.com"))))
			failures = append(failures, err)
		}
		w.fake.Heal()
		before := use(w.fake.ExpiredGrant(w.fake.NewUser("di@example.com")))
		w.fake.AddKey()
		w.fake.FailAlways(crossminttest.JWKS, down())
		_, err = w.authenticate(before) // what it got cannot be judged, and is kept
		failures = append(failures, err)
		synctest.Wait()
		values := []any{w.Manager, w.events, w.Health(), renewed, failures}
		for i := range failures {
			values = append(values, failures[i], user{w.Manager, w.events, w.Health(), renewed, failures[i]})
		}
		for _, v := range values {
			text := printed(v)
			for i, token := range tokens {
				if strings.Contains(text, token) || strings.Contains(text, fmt.Sprintf("%x", token)) {
					t.Errorf("%T shows token %d", v, i)
				}
			}
		}
	})
}

// Who has the key of the tokens' names can tell whose token an event is about.
func TestManagerDoesNotPrintItsKey(t *testing.T) {
	in(t, "a manager", crossminttest.Config{}, session.Config{}, func(t *testing.T, w *world) {
		for _, v := range []any{w.Manager, user{manager: w.Manager}} {
			if strings.Contains(printed(v), strings.Trim(w.HasherSecret(), "[]")) {
				t.Errorf("%T shows its key", v)
			}
		}
	})
}
