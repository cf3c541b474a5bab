package session_test

import (
	"context"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// denyFleet passes the denials of each instance to all of them.
type denyFleet struct {
	mu        sync.Mutex // guards all below
	callbacks []func(digest [sha256.Size]byte, until time.Time)
	denied    []string // the digests, as strings
}

// denyInstance is the coordinator of one instance. It shares denials only.
type denyInstance struct {
	session.Coordinator
	fleet *denyFleet
}

func (i denyInstance) Deny(_ context.Context, digest [sha256.Size]byte, until time.Time) error {
	i.fleet.mu.Lock()
	defer i.fleet.mu.Unlock()
	i.fleet.denied = append(i.fleet.denied, string(digest[:]))
	for _, callback := range i.fleet.callbacks {
		callback(digest, until)
	}
	return nil
}

func (i denyInstance) OnDeny(callback func(digest [sha256.Size]byte, until time.Time)) {
	i.fleet.mu.Lock()
	defer i.fleet.mu.Unlock()
	i.fleet.callbacks = append(i.fleet.callbacks, callback)
}

func (i denyInstance) Close(context.Context) error { return nil }

func newDenyFake(t *testing.T, algorithm string) *crossminttest.Server {
	t.Helper()
	fake, err := crossminttest.New(crossminttest.Config{Algorithm: algorithm, InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return fake
}

func newDenyClient(t *testing.T, config crossmint.Config) *crossmint.Client {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// newDenyManager returns a manager in front of the fake. The change is optional.
func newDenyManager(t *testing.T, fake *crossminttest.Server, change func(*session.Config)) *session.Manager {
	t.Helper()
	config := session.Config{Upstream: newDenyClient(t, fake.Config()), OnEvent: func(context.Context, event.Event) {}}
	if change != nil {
		change(&config)
	}
	m, err := session.NewManager(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

func inFleet(fleet *denyFleet) func(*session.Config) {
	return func(c *session.Config) { c.Coordinator = denyInstance{fleet: fleet} }
}

func verifyJWT(t *testing.T, m *session.Manager, jwt string) error {
	t.Helper()
	_, err := m.Verify(t.Context(), session.NewSecret(jwt))
	return err
}

// logOutJWT logs out a browser that has only a JWT.
func logOutJWT(t *testing.T, m *session.Manager, jwt string) {
	t.Helper()
	if err := m.Logout(t.Context(), session.Material{JWT: session.NewSecret(jwt)}, session.Secret{}); err != nil {
		t.Fatal(err)
	}
}

func wantJWTValid(t *testing.T, m *session.Manager, jwt string) {
	t.Helper()
	if err := verifyJWT(t, m, jwt); err != nil {
		t.Fatalf("error = %v, want a valid JWT", err)
	}
}

func wantJWTDenied(t *testing.T, m *session.Manager, jwt string) {
	t.Helper()
	if err := verifyJWT(t, m, jwt); !errors.Is(err, session.ErrLoggedOut) || !errors.Is(err, session.ErrJWTInvalid) {
		t.Fatalf("error = %v, want invalid, logged out", err)
	}
}

// secondEncoding replaces the ECDSA signature of a JWT by the other valid one: s
// by n - s.
func secondEncoding(t *testing.T, jwt string) string {
	t.Helper()
	dot := strings.LastIndexByte(jwt, '.')
	raw, err := base64.RawURLEncoding.DecodeString(jwt[dot+1:])
	if err != nil || len(raw) != 64 {
		t.Fatalf("signature of %d bytes (%v), want 64", len(raw), err)
	}
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	return jwt[:dot+1] + base64.RawURLEncoding.EncodeToString(raw)
}

func TestLogoutDeniesJWT(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		for _, where := range []string{"this instance", "another instance"} {
			for _, cached := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/cached %v", algorithm, where, cached), func(t *testing.T) {
					fake, fleet := newDenyFake(t, algorithm), &denyFleet{}
					here, there := newDenyManager(t, fake, inFleet(fleet)), newDenyManager(t, fake, inFleet(fleet))
					ada := fake.NewUser("ada@example.com")
					jwt, other := fake.JWT(ada), fake.JWT(ada)
					m := here
					if where == "another instance" {
						m = there
					}
					if cached {
						wantJWTValid(t, m, jwt)
						wantJWTValid(t, m, other)
					}
					logOutJWT(t, here, jwt)
					wantJWTDenied(t, m, jwt)
					wantJWTDenied(t, m, jwt)
					wantJWTValid(t, m, other)
				})
			}
		}
	}
}

// Any holder of an ECDSA JWT can write its signature in a second way.
func TestLogoutDeniesEveryEncoding(t *testing.T) {
	for _, order := range []string{"first logged out", "second logged out"} {
		t.Run(order, func(t *testing.T) {
			fake, fleet := newDenyFake(t, "ES256"), &denyFleet{}
			here, there := newDenyManager(t, fake, inFleet(fleet)), newDenyManager(t, fake, inFleet(fleet))
			jwt := fake.JWT(fake.NewUser(""))
			encodings := []string{jwt, secondEncoding(t, jwt)}
			for _, m := range []*session.Manager{here, there} {
				for _, jwt := range encodings {
					wantJWTValid(t, m, jwt) // both are cached from now on
				}
			}
			if order == "second logged out" {
				slices.Reverse(encodings)
			}
			logOutJWT(t, here, encodings[0])
			for _, m := range []*session.Manager{here, there} {
				for _, jwt := range encodings {
					wantJWTDenied(t, m, jwt)
				}
			}
		})
	}
}

// The fleet hears only of valid JWTs.
func TestLogoutTellsFleetOfValidJWTsOnly(t *testing.T) {
	fake, other := newDenyFake(t, "EdDSA"), newDenyFake(t, "EdDSA")
	fleet := &denyFleet{}
	m := newDenyManager(t, fake, inFleet(fleet))
	ada := fake.NewUser("")
	valid := fake.JWT(ada)
	logOutJWT(t, m, valid)
	for name, jwt := range map[string]string{
		"forged":            fake.ForgedJWT(ada),
		"expired":           fake.ExpiredJWT(ada),
		"malformed":         "a.b.c",
		"of an unknown key": other.JWT(ada),
		"denied before":     valid,
		"too long":          strings.Repeat("A", 1<<20),
	} {
		logOutJWT(t, m, jwt)
		if len(fleet.denied) != 1 {
			t.Fatalf("%s: the fleet was told of %d JWTs, want only of the valid one", name, len(fleet.denied))
		}
	}
	digest := sha256.Sum256([]byte(valid[:strings.LastIndexByte(valid, '.')]))
	if fleet.denied[0] != string(digest[:]) {
		t.Error("the fleet was told another digest than that of the signing input")
	}
}

// Forged JWTs that name unknown keys cannot evict a real denial.
func TestForgedLogoutsKeepRealDenials(t *testing.T) {
	fake := newDenyFake(t, "EdDSA")
	m := newDenyManager(t, fake, nil)
	ada := fake.NewUser("")
	jwt := fake.JWT(ada)
	logOutJWT(t, m, jwt)
	for i := range 1000 {
		logOutJWT(t, m, fake.Sign(ada, map[string]any{"kid": fmt.Sprint("forged-", i)}, nil))
	}
	wantJWTDenied(t, m, jwt)
}

// A logout before the instance knows the signing key holds afterwards.
func TestLogoutBeforeKeyIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newDenyFake(t, "EdDSA")
		m := newDenyManager(t, fake, nil)
		ada := fake.NewUser("")
		wantJWTValid(t, m, fake.JWT(ada))
		fake.AddKey()
		jwt := fake.JWT(ada)
		logOutJWT(t, m, jwt)
		time.Sleep(31 * time.Second) // the new key may be fetched again
		wantJWTDenied(t, m, jwt)
	})
}

// A logout while the signing keys are unavailable holds afterwards.
func TestLogoutWithoutKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newDenyFake(t, "EdDSA")
		m := newDenyManager(t, fake, nil)
		jwt := fake.JWT(fake.NewUser(""))
		fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", "{}"))
		logOutJWT(t, m, jwt)
		if err := verifyJWT(t, m, jwt); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("error = %v, want unavailable", err)
		}
		fake.Heal()
		time.Sleep(5 * time.Second)
		wantJWTDenied(t, m, jwt)
	})
}

// A cached encoding is denied, too, if the other one was logged out while the
// signing keys were unavailable.
func TestLogoutWithoutKeysDeniesEveryEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newDenyFake(t, "ES256")
		const keysMaxAge = time.Hour
		config := fake.Config()
		config.KeysMaxAge = keysMaxAge
		m := newDenyManager(t, fake, func(c *session.Config) { c.Upstream = newDenyClient(t, config) })
		jwt := fake.Sign(fake.NewUser(""), nil, map[string]any{"exp": time.Now().Add(2 * keysMaxAge).Unix()})
		wantJWTValid(t, m, jwt) // fetches the keys
		fake.FailAlways(crossminttest.JWKS, crossminttest.Status(503, "", "{}"))
		time.Sleep(keysMaxAge - 10*time.Second)
		wantJWTValid(t, m, jwt) // cached from now on
		time.Sleep(10 * time.Second)
		other := secondEncoding(t, jwt)
		if err := verifyJWT(t, m, other); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("error = %v, want unavailable", err)
		}
		logOutJWT(t, m, other)
		fake.Heal()
		time.Sleep(10 * time.Second)
		wantJWTDenied(t, m, other) // fetches the keys
		wantJWTDenied(t, m, jwt)
	})
}

// skewedUpstream reports a JWT as expired while its clock is wrong.
type skewedUpstream struct {
	*crossmint.Client
	wrongClock atomic.Bool
}

func (u *skewedUpstream) Verify(ctx context.Context, jwt string, now time.Time) (*session.Token, error) {
	token, err := u.Client.Verify(ctx, jwt, now)
	if err == nil && u.wrongClock.Load() {
		return token, session.ErrJWTExpired
	}
	return token, err
}

// A JWT that only a wrong clock regards as expired stays denied when the clock is
// corrected.
func TestLogoutWithWrongClock(t *testing.T) {
	fake := newDenyFake(t, "EdDSA")
	upstream := &skewedUpstream{Client: newDenyClient(t, fake.Config())}
	m := newDenyManager(t, fake, func(c *session.Config) { c.Upstream = upstream })
	jwt := fake.JWT(fake.NewUser(""))
	upstream.wrongClock.Store(true)
	if err := verifyJWT(t, m, jwt); !errors.Is(err, session.ErrJWTExpired) {
		t.Fatalf("error = %v, want expired", err)
	}
	logOutJWT(t, m, jwt)
	upstream.wrongClock.Store(false)
	wantJWTDenied(t, m, jwt)
}

// After Logout has returned no request passes, however many were running. The
// same holds in another instance that the broadcaster has told.
func TestLogoutRacesVerify(t *testing.T) {
	fake, fleet := newDenyFake(t, "EdDSA"), &denyFleet{}
	here, there := newDenyManager(t, fake, inFleet(fleet)), newDenyManager(t, fake, inFleet(fleet))
	ada := fake.NewUser("")
	for range 100 {
		jwt := fake.JWT(ada)
		start, denied := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for _, m := range []*session.Manager{here, here, there, there} {
			wg.Go(func() {
				<-start
				for done := false; !done; {
					select {
					case <-denied:
						done = true // one more try follows
					default:
					}
					if err := verifyJWT(t, m, jwt); done && err == nil {
						t.Error("valid after the logout")
					}
				}
			})
		}
		close(start)
		logOutJWT(t, here, jwt)
		close(denied)
		wg.Wait()
		wantJWTDenied(t, here, jwt)
		wantJWTDenied(t, there, jwt)
	}
}
