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

// farAway is a time at which no token of these tests is over.
var farAway = time.Now().AddDate(100, 0, 0)

const project = "proj-1"

// object is a JSON object as text, member by member, so that tests can write
// what no library would.
type object []struct{ name, value string }

// set replaces the member's value, or appends the member.
func (o *object) set(name, value string) {
	for i, m := range *o {
		if m.name == name {
			(*o)[i].value = value
			return
		}
	}
	o.add(name, value)
}

// add appends the member, even if there is one of that name.
func (o *object) add(name, value string) {
	*o = append(*o, struct{ name, value string }{name, value})
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

func quote(text string) string { return fmt.Sprintf("%q", text) }

// header and claims of a token that nothing is wrong with.
func headerOf(s signer) object {
	return object{{"alg", quote(s.algorithm)}, {"kid", quote(s.kid)}, {"typ", `"JWT"`}}
}

func claimsOf(user string, exp time.Time) object {
	return object{
		{"sub", quote(user)}, {"aud", quote(project)},
		{"iat", fmt.Sprint(exp.Add(-time.Hour).Unix())}, {"exp", fmt.Sprint(exp.Unix())},
	}
}

// jwt is a token of user-a, good for an hour.
func (s signer) jwt() string { return s.jwtOf("user-a", time.Now().Add(time.Hour)) }

func (s signer) jwtOf(user string, exp time.Time) string {
	return s.token(headerOf(s).String(), claimsOf(user, exp).String())
}

// source is where a Verifier under test gets its keys from.
type source struct {
	mu     sync.Mutex
	set    []byte
	err    error
	during func(context.Context) error // runs within each fetch
	times  []time.Time
}

func newSource(signers ...signer) *source { return &source{set: publish(signers...)} }

func (s *source) fetch(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	s.times = append(s.times, time.Now())
	set, err, during := s.set, s.err, s.during
	s.mu.Unlock()
	if during != nil {
		if err := during(ctx); err != nil {
			return nil, err
		}
	}
	return set, err
}

// serve replaces the set and ends any trouble.
func (s *source) serve(set []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.err, s.during = set, nil, nil
}

// publish replaces the set and leaves the trouble.
func (s *source) publish(signers ...signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set = publish(signers...)
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *source) block(during func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.during = during
}

// fetches returns when the fetches began.
func (s *source) fetches() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]time.Time(nil), s.times...)
}

func configOf(s *source) verify.Config {
	return verify.Config{
		Audience: project, Leeway: 30 * time.Second, Fetch: s.fetch,
		RefreshAfter: 10 * time.Minute, MaxAge: 72 * time.Hour, Logger: slog.New(slog.DiscardHandler),
	}
}

func newVerifier(t testing.TB, s *source) *verify.Verifier {
	t.Helper()
	return newVerifierWith(t, configOf(s))
}

func newVerifierWith(t testing.TB, config verify.Config) *verify.Verifier {
	t.Helper()
	v := verify.New(config)
	t.Cleanup(v.Close)
	return v
}

// The verdicts.
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

// want checks the verdict on a token that a browser presents.
func want(t *testing.T, v *verify.Verifier, token, verdictWanted string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); resultOf(err) != verdictWanted {
		t.Fatalf("verdict = %s (%v), want %s", resultOf(err), err, verdictWanted)
	}
}

// wantReceived checks the verdict on a token that upstream has just sent.
func wantReceived(t *testing.T, v *verify.Verifier, token, verdictWanted string) {
	t.Helper()
	if _, err := v.VerifyReceived(t.Context(), token); resultOf(err) != verdictWanted {
		t.Fatalf("verdict = %s (%v), want %s", resultOf(err), err, verdictWanted)
	}
}
