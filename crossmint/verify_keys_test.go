package crossmint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// inBubble runs a test in a synctest bubble, with a fake in memory.
func inBubble(t *testing.T, change func(*crossmint.Config), test func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, crossminttest.Config{InMemory: true, Algorithm: "ES256", JWTLifetime: 1000 * time.Hour})
		config := fake.Config()
		if change != nil {
			change(&config)
		}
		test(t, fake, newClient(t, config))
	})
}

func wantResult(t *testing.T, client *crossmint.Client, jwt, want string) {
	t.Helper()
	_, err := client.Verify(t.Context(), jwt, time.Now())
	if got := resultOf(t, err); got != want || errors.Is(err, session.ErrRefused) {
		t.Fatalf("result = %s (%v), want %s", got, err, want)
	}
}

// While the keys cannot be fetched, there is no decision on a token.
func TestKeysUnavailable(t *testing.T) {
	faults := map[string]crossminttest.Fault{
		"500": crossminttest.Status(500, "", `{}`), "404 JSON": crossminttest.Status(404, "", `{}`), "401 JSON": crossminttest.Status(401, "", `{}`),
		"reset": crossminttest.Reset(), "hangs": crossminttest.Hang(), "slow loris": crossminttest.SlowBody(time.Second),
		"truncated": crossminttest.Truncate(), "10 MB": crossminttest.HugeBody(10 << 20), "redirect": crossminttest.Redirect("/elsewhere"),
		"HTML": crossminttest.Status(200, "text/html", "<html>"), "empty": crossminttest.Status(200, "", `{"keys":[]}`), "204": crossminttest.Status(204, "", ""),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
				jwt := fake.JWT(fake.NewUser(""))
				fake.FailAlways(crossminttest.JWKS, fault)
				for range 5 {
					wantResult(t, client, jwt, unavailable)
					time.Sleep(time.Second)
				}
				if err := client.Preload(t.Context()); err == nil || !client.KeysFetchedAt().IsZero() {
					t.Errorf("Preload = %v, fetched at %v", err, client.KeysFetchedAt())
				}
				fake.Heal()
				back := time.Now()
				for _, err := client.Verify(t.Context(), jwt, time.Now()); err != nil; _, err = client.Verify(t.Context(), jwt, time.Now()) {
					if time.Since(back) > 5*time.Second {
						t.Fatalf("not recovered within 5 s: %v", err)
					}
					time.Sleep(100 * time.Millisecond)
				}

				// Once there are keys, a failed fetch does not replace them.
				fetched := client.KeysFetchedAt()
				fake.FailAlways(crossminttest.JWKS, fault)
				for range 10 {
					time.Sleep(11 * time.Minute)
					wantResult(t, client, jwt, valid)
					wantResult(t, client, fake.JWT(fake.NewUser("")), valid)
				}
				if !client.KeysFetchedAt().Equal(fetched) {
					t.Errorf("keys fetched at %v, want those of %v", client.KeysFetchedAt(), fetched)
				}
			})
		})
	}
}

func TestTooManyKeys(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
		jwt := fake.JWT(fake.NewUser(""))
		wantResult(t, client, jwt, valid)
		var set struct{ Keys []json.RawMessage }
		if err := json.Unmarshal(fake.JWKS(), &set); err != nil {
			t.Fatal(err)
		}
		short := bytes.Repeat(append([]byte(`{"kty":"OKP"}`), ','), 10_000)
		fake.SetJWKS([]byte(fmt.Sprintf(`{"keys":[%s%s]}`, short, set.Keys[0])))
		time.Sleep(11 * time.Minute)
		wantResult(t, client, jwt, valid)
		synctest.Wait()
		wantResult(t, client, jwt, valid)
		if age := time.Since(client.KeysFetchedAt()); age < 11*time.Minute {
			t.Errorf("keys are %v old, want the old ones", age)
		}
	})
}

func TestKeyRotation(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
		ada := fake.NewUser("")
		old := fake.JWT(ada)
		wantResult(t, client, old, valid)
		time.Sleep(31 * time.Second)
		fake.AddKey()
		wantResult(t, client, fake.JWT(ada), valid)
		wantResult(t, client, old, valid)
		if got := fake.Calls().JWKS; got != 2 {
			t.Errorf("%d fetches of the keys, want 2", got)
		}
		time.Sleep(2 * time.Second)
		fake.RotateKeys() // a received JWT causes a fetch at once
		if _, err := client.VerifyReceived(t.Context(), fake.JWT(ada)); err != nil {
			t.Errorf("a received JWT: %v", err)
		}
		wantResult(t, client, old, invalid)
		if got := fake.Calls().JWKS; got != 3 {
			t.Errorf("%d fetches of the keys, want 3", got)
		}
	})
}

func TestKeysOptions(t *testing.T) {
	change := func(c *crossmint.Config) { c.KeysRefreshAfter, c.KeysMaxAge = time.Minute, time.Hour }
	inBubble(t, change, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
		jwt := fake.JWT(fake.NewUser(""))
		wantResult(t, client, jwt, valid)
		time.Sleep(time.Minute)
		wantResult(t, client, jwt, valid)
		synctest.Wait()
		if got := fake.Calls().JWKS; got != 2 {
			t.Errorf("%d fetches of the keys after a minute, want 2", got)
		}
		fake.Down()
		time.Sleep(time.Hour)
		wantResult(t, client, jwt, unavailable)
	})
}

// The client fetches keys only when it needs them.
func TestKeysAreFetchedWhenNeeded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
		time.Sleep(time.Hour)
		if got := fake.Calls().JWKS; got != 0 {
			t.Errorf("%d fetches without a call, want none", got)
		}
		if err := client.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := client.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			wantResult(t, client, fake.JWT(fake.NewUser("")), valid)
		}
		if got := fake.Calls().JWKS; got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		fake.RotateKeys()
		fake.SetLatency(crossminttest.JWKS, time.Second) // otherwise the keys may arrive before the check of the context
		time.Sleep(31 * time.Second)
		if _, err := client.Verify(canceled, fake.JWT(fake.NewUser("")), time.Now()); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("a canceled caller: %v, want unavailable", err)
		}
	})
}

// The log warns of unusable keys without repeating them.
func TestKeysWarning(t *testing.T) {
	var log bytes.Buffer
	change := func(c *crossmint.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	inBubble(t, change, func(t *testing.T, fake *crossminttest.Server, client *crossmint.Client) {
		var set struct{ Keys []map[string]any }
		if err := json.Unmarshal(fake.JWKS(), &set); err != nil {
			t.Fatal(err)
		}
		set.Keys[0]["d"] = canary
		set.Keys = append(set.Keys, map[string]any{"kty": "oct", "k": canary}, map[string]any{"kty": canary, "d": canary})
		data, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		fake.SetJWKS(data)
		if err := client.Preload(t.Context()); err != nil && !strings.Contains(err.Error(), "key set") {
			t.Fatal(err)
		}
		client.Close() // waits for the log
		if strings.Count(log.String(), "\n") != 1 || strings.Contains(log.String(), canary) {
			t.Errorf("log:\n%s", &log)
		}
	})
}

// A goexitTransport ends its goroutine, as t.FailNow does in a fake transport.
type goexitTransport struct{}

func (goexitTransport) RoundTrip(*http.Request) (*http.Response, error) {
	runtime.Goexit()
	return nil, nil
}

func TestPreloadWithGoexitInTransport(t *testing.T) {
	config := newFake(t, crossminttest.Config{InMemory: true}).Config()
	config.HTTPClient = &http.Client{Transport: goexitTransport{}}
	if err := newClient(t, config).Preload(t.Context()); err == nil {
		t.Error("no error, and there are no keys")
	}
}
