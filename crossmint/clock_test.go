package crossmint_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// A lockedBuffer is safe for concurrent writers.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// dated returns a fault that only sets the headers Date and, unless it is empty, Age.
func dated(date time.Time, age string) crossminttest.Fault {
	fault := crossminttest.Fault{}.With("Date", date.UTC().Format(http.TimeFormat))
	if age != "" {
		fault = fault.With("Age", age)
	}
	return fault
}

// A large difference between the clocks is logged once, with both times.
func TestClockSkewIsLoggedOnce(t *testing.T) {
	tests := []struct {
		name string
		skew time.Duration // of upstream's clock
		age  string
		want string // in the log; "": no line
	}{
		{name: "equal"},
		{name: "50 s", skew: -50 * time.Second},
		{name: "three hours ahead", skew: -3 * time.Hour, want: "look at the clock: this machine's clock (2000-01-01T00:00:00Z) is 3h0m0s ahead of upstream's (1999-12-31T21:00:00Z)"},
		{name: "three hours behind", skew: 3 * time.Hour, want: "look at the clock: this machine's clock (2000-01-01T00:00:00Z) is 3h0m0s behind upstream's (2000-01-01T03:00:00Z)"},
		{name: "from a cache", skew: -3 * time.Hour, age: "10800"},
		{name: "from a cache, and ahead", skew: -3 * time.Hour, age: "3600", want: "is 2h0m0s ahead of upstream's"},
		{name: "an unreadable age", skew: 3 * time.Hour, age: "-1", want: "is 3h0m0s behind upstream's"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &lockedBuffer{}
				fake := newFake(t, crossminttest.Config{InMemory: true})
				fake.FailAlways(crossminttest.Any, dated(time.Now().Add(test.skew), test.age))
				config := fake.Config()
				config.Logger = slog.New(slog.NewTextHandler(log, nil))
				client := newClient(t, config)
				for range 3 {
					_ = refresh(t.Context(), t, client)
					if err := client.Preload(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				lines := strings.Count(log.String(), "\n")
				if test.want == "" && lines != 0 || test.want != "" && (lines != 1 || !strings.Contains(log.String(), test.want)) {
					t.Errorf("log:\n%s\nwant one line with %q, or none if that is empty", log, test.want)
				}
			})
		})
	}
}

// With a clock that is ahead, each JWT that upstream sends has expired. The event
// tells to look at the clock, within the first request.
func TestEventNamesClock(t *testing.T) {
	tests := []struct {
		name   string
		claims func(now time.Time) map[string]any
		date   time.Duration // from now
		want   string
	}{
		{name: "ahead", date: -3 * time.Hour, claims: lifetime(-3*time.Hour, -2*time.Hour), want: "look at the clock: this machine's clock"},
		{name: "JWTs of the past, equal clocks", claims: lifetime(-3*time.Hour, -2*time.Hour), want: "look at the clock"},
		{name: "behind, with an nbf", date: 3 * time.Hour, claims: func(now time.Time) map[string]any {
			return map[string]any{"nbf": now.Add(3 * time.Hour).Unix(), "exp": now.Add(4 * time.Hour).Unix()}
		}, want: "3h0m0s behind upstream's"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFake(t, crossminttest.Config{InMemory: true})
				fake.FailAlways(crossminttest.Any, dated(time.Now().Add(test.date), ""))
				ada := fake.NewUser("")
				fake.SetClaims(ada.ID, test.claims(time.Now()))
				got := firstEvent(t, newClient(t, quiet(fake.Config())), session.Material{RefreshToken: fake.Grant(ada).RefreshToken.Secret})
				if got.Outcome != event.Unavailable || got.Err == nil || !strings.Contains(got.Err.Error(), test.want) {
					t.Errorf("event %s: %v, want %s with %q", got.Outcome, got.Err, event.Unavailable, test.want)
				}
			})
		})
	}
}

// lifetime returns claims that are valid from iat to exp, relative to now.
func lifetime(iat, exp time.Duration) func(time.Time) map[string]any {
	return func(now time.Time) map[string]any {
		return map[string]any{"iat": now.Add(iat).Unix(), "exp": now.Add(exp).Unix()}
	}
}

// A JWT of a browser that is not valid yet names the clock, too. One that has expired
// does not: that is the usual course.
func TestVerifyNamesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, crossminttest.Config{InMemory: true})
		fake.FailAlways(crossminttest.Any, dated(time.Now().Add(time.Hour), ""))
		client, ada := newClient(t, quiet(fake.Config())), fake.NewUser("")
		early := fake.Sign(ada, nil, map[string]any{"nbf": time.Now().Add(time.Hour).Unix(), "exp": time.Now().Add(2 * time.Hour).Unix()})
		if _, err := client.Verify(t.Context(), early, time.Now()); !errors.Is(err, session.ErrJWTInvalid) || !strings.Contains(err.Error(), "1h0m0s behind upstream's") {
			t.Errorf("not valid yet: %v", err)
		}
		if _, err := client.Verify(t.Context(), fake.ExpiredJWT(ada), time.Now()); err != session.ErrJWTExpired { //nolint:errorlint // exactly this error
			t.Errorf("expired: %v, want %v alone", err, session.ErrJWTExpired)
		}
	})
}

// quiet discards the warnings of a client.
func quiet(config crossmint.Config) crossmint.Config {
	config.Logger = slog.New(slog.DiscardHandler)
	return config
}

// firstEvent returns the first event of a request with the material.
func firstEvent(t *testing.T, client *crossmint.Client, material session.Material) event.Event {
	t.Helper()
	var mu sync.Mutex
	var events []event.Event
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(_ context.Context, e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sessions.Close(context.Background()) }()
	_, _ = sessions.Authenticate(t.Context(), material)
	mu.Lock()
	defer mu.Unlock()
	if len(events) == 0 {
		t.Fatal("no event")
	}
	return events[0]
}
