package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// farFuture is the expiry of tokens that do not expire during a test.
var farFuture = time.Now().AddDate(100, 0, 0)

const project = "proj-1"

// An object is a JSON object in source form, so that tests can write invalid
// ones.
type object []struct{ name, value string }

// set replaces the value of a member, or appends the member.
func (o *object) set(name, value string) {
	for i, m := range *o {
		if m.name == name {
			(*o)[i].value = value
			return
		}
	}
	o.add(name, value)
}

// add appends a member, even if there is one of that name.
func (o *object) add(name, value string) {
	*o = append(*o, struct{ name, value string }{name: name, value: value})
}

func (o *object) drop(name string) {
	var kept object
	for _, m := range *o {
		if m.name != name {
			kept = append(kept, m)
		}
	}
	*o = kept
}

func (o object) String() string {
	var parts []string
	for _, m := range o {
		parts = append(parts, fmt.Sprintf(`"%s":%s`, m.name, m.value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// headerOf and claimsOf return the parts of a valid token.
func headerOf(s signingKey) object {
	return object{{"alg", quote(s.algorithm)}, {"kid", quote(s.kid)}, {"typ", `"JWT"`}}
}

func claimsOf(user string, exp time.Time) object {
	return object{
		{"sub", quote(user)}, {"aud", quote(project)},
		{"iat", fmt.Sprint(exp.Add(-time.Hour).Unix())}, {"exp", fmt.Sprint(exp.Unix())},
	}
}

// jwt returns a token of user-a that expires in an hour.
func (s signingKey) jwt() string { return s.jwtOf("user-a", time.Now().Add(time.Hour)) }

func (s signingKey) jwtOf(user string, exp time.Time) string {
	return s.token(headerOf(s).String(), claimsOf(user, exp).String())
}

// A keyServer publishes the keys for a Verifier.
type keyServer struct {
	mu      sync.Mutex
	set     []byte
	err     error
	onFetch func(context.Context) error // runs within each fetch
	times   []time.Time
}

func newKeyServer(signers ...signingKey) *keyServer { return &keyServer{set: jwks(signers...)} }

func (s *keyServer) fetch(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	s.times = append(s.times, time.Now())
	set, err, onFetch := s.set, s.err, s.onFetch
	s.mu.Unlock()
	if onFetch != nil {
		if err := onFetch(ctx); err != nil {
			return nil, err
		}
	}
	return set, err
}

// serve replaces the set and ends errors and hooks.
func (s *keyServer) serve(set []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.err, s.onFetch = set, nil, nil
}

// setKeys replaces the set only.
func (s *keyServer) setKeys(signers ...signingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = jwks(signers...)
}

func (s *keyServer) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// setHook sets a function that runs during each fetch.
func (s *keyServer) setHook(onFetch func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onFetch = onFetch
}

// fetches returns the start times of the fetches.
func (s *keyServer) fetches() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.times...)
}

func configOf(s *keyServer) verify.Config {
	return verify.Config{
		Audience: project, Leeway: 30 * time.Second, Fetch: s.fetch,
		RefreshAfter: 10 * time.Minute, MaxAge: 72 * time.Hour, Logger: slog.New(slog.DiscardHandler),
	}
}

func newVerifier(t testing.TB, s *keyServer) *verify.Verifier {
	t.Helper()
	return newVerifierWith(t, configOf(s))
}

func newVerifierWith(t testing.TB, config verify.Config) *verify.Verifier {
	t.Helper()
	v := verify.New(config)
	t.Cleanup(v.Close)
	return v
}

// The results of a verification.
const (
	valid       = "valid"
	expired     = "expired"
	unavailable = "unavailable"
	invalid     = "invalid"
)

func resultOf(err error) string {
	switch {
	case err == nil:
		return valid
	case errors.Is(err, verify.ErrExpired):
		return expired
	case errors.Is(err, verify.ErrKeysUnavailable):
		return unavailable
	default:
		return invalid
	}
}

// wantResult checks the verification of a token from a browser.
func wantResult(t *testing.T, v *verify.Verifier, token, want string) {
	t.Helper()
	if _, err := v.VerifyNow(t.Context(), token); resultOf(err) != want {
		t.Fatalf("result = %s (%v), want %s", resultOf(err), err, want)
	}
}

// wantReceivedResult checks the verification of a token that upstream has just
// sent.
func wantReceivedResult(t *testing.T, v *verify.Verifier, token, want string) {
	t.Helper()
	if _, err := v.VerifyReceived(t.Context(), token); resultOf(err) != want {
		t.Fatalf("result = %s (%v), want %s", resultOf(err), err, want)
	}
}
