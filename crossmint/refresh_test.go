package crossmint_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestRefreshAndLogout(t *testing.T) {
	fake := newFake(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
	client := newClient(t, fake.Config())
	ada := fake.NewUser("ada@example.com")
	old := fake.Grant(ada).RefreshToken.Secret

	before := time.Now()
	grant, err := client.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.VerifyReceived(t.Context(), grant.JWT.Reveal()); err != nil {
		t.Errorf("the new JWT: %v", err)
	}
	token := grant.RefreshToken
	if expiresAt, err := time.Parse(time.RFC3339, token.ExpiresAt); !fake.Live(token.Secret.Reveal()) || err != nil || !expiresAt.After(before) {
		t.Errorf("refresh token = %+v (%v), want a live one with an expiry", token, err)
	}
	if grant.ReceivedAt.Before(before) || grant.User.ID != ada.ID || grant.User.Email != ada.Email {
		t.Errorf("grant of %v for %+v", grant.ReceivedAt, grant.User)
	}
	if got := failureOf(t, refresh(t.Context(), t, client)); got != (failure{Kind: refused, Status: 401}) {
		t.Errorf("an unknown token: %+v, want refused", got)
	}
	if _, err := client.Refresh(t.Context(), old); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a consumed token: %v, want refused", err)
	}
	if err := client.Logout(t.Context(), token.Secret); err != nil {
		t.Fatal(err)
	}
	if fake.Live(token.Secret.Reveal()) {
		t.Error("live after the logout")
	}
}

// A grant has the whole user object as upstream sent it.
func TestRefreshKeepsUserObject(t *testing.T) {
	const user = `{"id":"u-1", "email":"a@example.com","unknown":[1]}`
	u := newUpstream(t, respond(200, jsonType, strings.Replace(goodGrant, goodUser, `"user": `+user+` `, 1)))
	grant, err := u.client.Refresh(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	want := session.User{ID: "u-1", Email: "a@example.com", JSON: json.RawMessage(user)}
	if diff := cmp.Diff(want, grant.User); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
}

// Of a response only the refresh token's secret is required: it can renew the
// session, even if the JWT or the user is missing or wrong.
func TestRefreshRequiresOnlySecret(t *testing.T) {
	goodJSON := session.User{ID: "u-1", JSON: json.RawMessage(`{"id":"u-1"}`)}
	userWith := func(object string) session.User { return session.User{ID: "u-1", JSON: json.RawMessage(object)} }
	tests := map[string]struct {
		body string
		jwt  string
		user session.User
	}{
		"all members":             {body: goodGrant, jwt: "j", user: goodJSON},
		"the secret alone":        {body: `{"refresh":{"secret":"new"}}`},
		"jwt missing":             {body: grantWith(`"jwt":"j",`, ``), user: goodJSON},
		"jwt empty":               {body: grantWith(`"j"`, `""`), user: goodJSON},
		"jwt null":                {body: grantWith(`"j"`, `null`), user: goodJSON},
		"jwt a number":            {body: grantWith(`"j"`, `1`), user: goodJSON},
		"jwt an object":           {body: grantWith(`"j"`, `{"jwt":"j"}`), user: goodJSON},
		"jwt in another case":     {body: grantWith(`"jwt"`, `"JWT"`), user: goodJSON},
		"user missing":            {body: grantWith(`,`+goodUser, ``), jwt: "j"},
		"user null":               {body: grantWith(goodUser, `"user":null`), jwt: "j"},
		"user a string":           {body: grantWith(goodUser, `"user":"u-1"`), jwt: "j"},
		"user a list":             {body: grantWith(goodUser, `"user":[{"id":"u-1"}]`), jwt: "j"},
		"user without id":         {body: grantWith(goodUser, `"user":{}`), jwt: "j", user: session.User{JSON: json.RawMessage(`{}`)}},
		"user id empty":           {body: grantWith(`"u-1"`, `""`), jwt: "j", user: session.User{JSON: json.RawMessage(`{"id":""}`)}},
		"user id a number":        {body: grantWith(`"u-1"`, `1`), jwt: "j", user: session.User{JSON: json.RawMessage(`{"id":1}`)}},
		"user id in two cases":    {body: grantWith(`"id":"u-1"`, `"id":"u-1","ID":"u-2"`), jwt: "j", user: userWith(`{"id":"u-1","ID":"u-2"}`)},
		"email a number":          {body: grantWith(`"id":"u-1"`, `"email":1,"id":"u-1"`), jwt: "j", user: userWith(`{"email":1,"id":"u-1"}`)},
		"email null":              {body: grantWith(`"id":"u-1"`, `"email":null,"id":"u-1"`), jwt: "j", user: userWith(`{"email":null,"id":"u-1"}`)},
		"phoneNumber a number":    {body: grantWith(`"id":"u-1"`, `"phoneNumber":1,"id":"u-1"`), jwt: "j", user: userWith(`{"phoneNumber":1,"id":"u-1"}`)},
		"twitter a string":        {body: grantWith(`"id":"u-1"`, `"twitter":"ada","id":"u-1"`), jwt: "j", user: userWith(`{"twitter":"ada","id":"u-1"}`)},
		"half an emoji in a name": {body: grantWith(`"id":"u-1"`, `"name":"Ada \ud83d","id":"u-1"`), jwt: "j", user: userWith(`{"name":"Ada \ud83d","id":"u-1"}`)},
		"half an emoji elsewhere": {body: grantWith(`{`, `{"note":["\udc00"],`), jwt: "j", user: goodJSON},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, jsonType, test.body))
			grant, err := u.client.Refresh(t.Context(), secret)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"new", test.jwt}, []string{grant.RefreshToken.Secret.Reveal(), grant.JWT.Reveal()}); diff != "" {
				t.Errorf("secret and JWT (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.user, grant.User); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// The process keeps grants for a while, so the user object is bounded. A longer
// one is left out.
func TestRefreshBoundsUserObject(t *testing.T) {
	const maxBytes = 64 << 10
	for size, kept := range map[int]bool{maxBytes: true, maxBytes + 1: false} {
		user := `{"id":"u-1","x":""}`
		user = user[:len(user)-2] + strings.Repeat("x", size-len(user)) + user[len(user)-2:]
		u := newUpstream(t, respond(200, jsonType, strings.Replace(goodGrant, goodUser, `"user":`+user, 1)))
		grant, err := u.client.Refresh(t.Context(), secret)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		want := session.User{ID: "u-1"}
		if kept {
			want.JSON = json.RawMessage(user)
		}
		if diff := cmp.Diff(want, grant.User); diff != "" {
			t.Errorf("user of %d bytes (-want +got):\n%s", size, diff)
		}
	}
}
