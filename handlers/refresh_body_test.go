package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// TestRefreshToken shows which token counts. The tokens in the body and in the
// cookie belong to different users.
func TestRefreshToken(t *testing.T) {
	const missing = "Please provide a refresh token either in the request body or cookies"
	tests := []struct {
		name   string
		body   string // BODY stands for the token of the body
		cookie bool
		want   string // "body", "cookie", or the message of a 401
	}{
		{name: "body", body: refreshBody("BODY"), want: "body"},
		{name: "body wins", body: refreshBody("BODY"), cookie: true, want: "body"},
		{name: "body, escaped name", body: `{"\u0072efresh":"BODY"}`, cookie: true, want: "body"},
		{name: "body with other members", body: `{"a":[{"refresh":"x"}],"refresh":"BODY","b":{"REFRESH":1}}`, cookie: true, want: "body"},
		{name: "cookie, empty body", cookie: true, want: "cookie"},
		{name: "cookie, empty object", body: "{}", cookie: true, want: "cookie"},
		{name: "cookie, null in the body", body: `{"refresh":null}`, cookie: true, want: "cookie"},
		{name: "cookie, empty string in the body", body: refreshBody(""), cookie: true, want: "cookie"},
		{name: "cookie, other members in the body", body: `{"refreshToken":"x"}`, cookie: true, want: "cookie"},
		{name: "cookie, body of the maximum depth", body: `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + "}", cookie: true, want: "cookie"},
		{name: "neither", body: "{}", want: missing},
		{name: "neither, no body", want: missing},
		{name: "neither, null", body: `{"refresh":null}`, want: missing},
		{name: "unknown in the body", body: refreshBody("unknown"), cookie: true, want: "Session is not valid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newTestEnv(t, crossminttest.Config{}, session.Config{}, handlers.Config{})
			ann, bea := env.Fake.NewUser("ann@example.com"), env.Fake.NewUser("bea@example.com")
			body := strings.ReplaceAll(test.body, "BODY", env.Fake.OneTimeSecret(ann))
			refresh := ""
			if test.cookie {
				refresh = env.Fake.Grant(bea).RefreshToken.Secret.Reveal()
			}
			_, responseBody := env.serve(t, post("/refresh", body, "", refresh))
			var got struct {
				Message string
				User    session.User
			}
			testkit.NoError(t, json.Unmarshal([]byte(responseBody), &got))
			source := map[string]string{ann.ID: "body", bea.ID: "cookie", "": got.Message}[got.User.ID]
			if diff := cmp.Diff(test.want, source); diff != "" {
				t.Errorf("source of the token (-want +got):\n%s", diff)
			}
		})
	}
}
