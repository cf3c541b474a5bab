package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const canary = "CANARY-7f3a"

// holder is a user's struct: fmt calls no methods on its unexported field.
type holder struct {
	Public   session.Secret
	private  session.Secret
	session  *session.AuthSession
	grant    session.Grant
	material session.Material
	result   session.Result
	context  context.Context
}

func TestSecretsDoNotPrint(t *testing.T) {
	secret := session.NewSecret(canary)
	auth := session.AuthSession{UserID: "u", JWT: secret, RefreshToken: session.RefreshToken{Secret: secret}}
	grant := session.Grant{JWT: secret, RefreshToken: session.RefreshToken{Secret: secret}}
	material := session.NewMaterial(canary, canary)
	material.Add(canary, canary, 1)
	result := session.Result{Session: &auth, Renewed: &session.Renewal{Grant: &grant}}.Failed(t.Context(), session.ErrUnavailable)
	user := holder{secret, secret, &auth, grant, material, result, session.NewContext(t.Context(), &auth)}
	request := httptest.NewRequest("GET", "/", nil).WithContext(user.context)
	values := map[string]any{
		"Secret": secret, "*Secret": &secret, "AuthSession": auth, "*AuthSession": &auth, "Grant": grant, "*Grant": &grant,
		"RefreshToken": auth.RefreshToken, "Material": material, "*Material": &material,
		"a user's struct": user, "a pointer to it": &user, "a request": request,
		"a slice": []session.Secret{secret}, "a map": map[string]session.Secret{"k": secret}, "a map's key": map[session.Secret]int{secret: 1},
		"a context": session.NewContext(t.Context(), &auth),
		"an error":  &session.UpstreamError{Op: "refresh", Err: fmt.Errorf("about %v", secret)},
	}
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s prints with %s as %s", name, verb, got)
			}
		}
		asJSON, _ := json.Marshal(value)
		asXML, _ := xml.Marshal(value)
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Info("x", "value", value)
		}
		for form, text := range map[string]string{"JSON": string(asJSON), "XML": string(asXML), "log": log.String()} {
			if strings.Contains(text, canary) {
				t.Errorf("%s shows as %s: %s", name, form, text)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	a, b := session.NewSecret("a"), session.NewSecret("a")
	if a.Reveal() != "a" || !a.Equal(b) || a.Equal(session.NewSecret("b")) || a.Equal(session.Secret{}) {
		t.Error("Reveal or Equal is wrong")
	}
	if zero := (session.Secret{}); !zero.IsZero() || zero.Reveal() != "" || !zero.Equal(session.NewSecret("")) {
		t.Error("the zero value is not the empty secret")
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("equal secrets differ: %s", diff)
	}
}

func TestUserKeepsWhatItDoesNotKnow(t *testing.T) {
	const upstream = `{"id":"u","email":"ann@example.com","twitter":{"id":"1","username":"ann"},"farcaster":{"fid":7}}`
	var user session.User
	if err := json.Unmarshal([]byte(upstream), &user); err != nil {
		t.Fatal(err)
	}
	if user.ID != "u" || user.Email != "ann@example.com" || user.Twitter == nil || user.Twitter.Username != "ann" {
		t.Errorf("user = %+v", user)
	}
	if got, _ := json.Marshal(user); string(got) != upstream {
		t.Errorf("marshals to %s", got)
	}
	user.Email = ""
	if got, _ := json.Marshal(user); string(got) != `{"id":"u","twitter":{"id":"1","username":"ann"}}` {
		t.Errorf("after a change it marshals to %s", got)
	}
	if got, _ := json.Marshal(session.User{ID: "u"}); string(got) != `{"id":"u"}` {
		t.Errorf("marshals to %s", got)
	}
}

func TestContext(t *testing.T) {
	if s, ok := session.FromContext(t.Context()); ok || s != nil {
		t.Error("a session out of nowhere")
	}
	want := &session.AuthSession{UserID: "u", RefreshToken: session.RefreshToken{ExpiresAtText: "soon"}}
	ctx := session.NewContext(t.Context(), want)
	got, ok := session.FromContext(ctx)
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if _, ok := session.FromContext(session.Result{}.Failed(ctx, nil).NewContext(ctx)); ok {
		t.Error("a failure without a cause is a session")
	}
	if _, ok := session.FromContext(session.NewContext(ctx, nil)); ok {
		t.Error("a nil session hides nothing")
	}
	if err := got.Claims(&struct{}{}); err == nil {
		t.Error("claims of no JWT")
	}
}
