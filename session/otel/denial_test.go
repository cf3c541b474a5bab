package otelsession_test

import (
	"errors"
	"testing"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	otelsession "github.com/crossmint-go/auth/session/otel"
)

// A fleet shares denials through the Upstream that it is given.
func TestDenialsPassThrough(t *testing.T) {
	fake, err := crossminttest.New(crossminttest.Config{})
	must(t, err)
	defer fake.Close()
	telemetry, err := otelsession.New(otelsession.Config{})
	must(t, err)
	wrapped := func() session.SharedDenier {
		client, err := crossmint.NewClient(fake.Config())
		must(t, err)
		t.Cleanup(client.Close)
		return telemetry.Upstream(client).(session.SharedDenier)
	}
	here, there := wrapped(), wrapped()
	jwt := fake.JWT(fake.NewUser("ada@example.com"))
	digest, until, ok := here.DenyShared(t.Context(), jwt)
	if !ok {
		t.Fatal("the JWT cannot be shared")
	}
	there.DenyDigest(digest, until)
	for name, upstream := range map[string]session.Upstream{"here": here.(session.Upstream), "there": there.(session.Upstream)} {
		if _, _, err := upstream.Judge(t.Context(), jwt, false); !errors.Is(err, session.ErrJWTInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
