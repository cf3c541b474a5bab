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

// The process keeps grants for a while, so the user object is bounded.
func TestRefreshBoundsUserObject(t *testing.T) {
	const maxBytes = 64 << 10
	for size, want := range map[int]bool{maxBytes: true, maxBytes + 1: false} {
		user := `{"id":"u-1","x":""}`
		user = user[:len(user)-2] + strings.Repeat("x", size-len(user)) + user[len(user)-2:]
		u := newUpstream(t, respond(200, jsonType, strings.Replace(goodGrant, goodUser, `"user":`+user, 1)))
		_, err := u.client.Refresh(t.Context(), secret)
		if accepted := err == nil; accepted != want || err != nil && !errors.Is(err, session.ErrMalformed) {
			t.Errorf("%d bytes: error %v, want accepted: %v", size, err, want)
		}
	}
}
