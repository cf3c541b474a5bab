package crossminttest_test

import (
	"context"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

type roleClaims struct {
	Sub  string `json:"sub"`
	Role string `json:"role"`
}

func TestNewSession(t *testing.T) {
	s := crossminttest.NewSession("ada", map[string]any{"role": "editor"})
	claims, err := session.Claims[roleClaims](session.NewContext(context.Background(), s))
	if err != nil || claims.Sub != "ada" || claims.Role != "editor" || s.UserID != "ada" || time.Until(s.ExpiresAt) <= 0 || time.Since(s.IssuedAt) < 0 {
		t.Errorf("%+v, %+v, %v", claims, s, err)
	}
	client, err := crossmint.NewClient(start(t, crossminttest.Config{}).Config())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Verify(t.Context(), s.JWT.Reveal(), time.Now()); err == nil {
		t.Error("a client accepts it as signed")
	}
}
