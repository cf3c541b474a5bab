package session_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// unsignedUpstream accepts every JWT. It returns the same Token for the same JWT.
type unsignedUpstream struct {
	session.Upstream
	tokens map[string]*session.Token
}

func (u unsignedUpstream) Verify(_ context.Context, jwt string, now time.Time) (*session.Token, error) {
	if u.tokens[jwt] == nil {
		u.tokens[jwt] = &session.Token{JWT: session.NewSecret(jwt), UserID: "ann", ExpiresAt: now.Add(time.Hour)}
	}
	return u.tokens[jwt], nil
}

// jwtWith returns a JWT with the given payload.
func jwtWith(payload string) session.Secret {
	return session.NewSecret("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln")
}

// sessionsOf returns a function that authenticates a request with the JWT.
func sessionsOf(t *testing.T, jwt session.Secret) func() context.Context {
	t.Helper()
	m, err := session.NewManager(session.Config{Upstream: unsignedUpstream{tokens: map[string]*session.Token{}}, Logger: testkit.FailLogger(t)})
	testkit.NoError(t, err)
	return func() context.Context {
		result, err := m.Verify(t.Context(), jwt)
		testkit.NoError(t, err)
		return result.NewContext(t.Context(), nil)
	}
}

// decodings counts the calls of countedClaims.UnmarshalJSON, by the type.
var decodings sync.Map // of *atomic.Int64 by reflect.Type

// countedClaims is a type of its own for each Kind.
type countedClaims[Kind any] struct{ Role string }

func (c *countedClaims[Kind]) UnmarshalJSON(data []byte) error {
	count, _ := decodings.LoadOrStore(reflect.TypeFor[Kind](), new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
	var claims struct{ Role string }
	err := json.Unmarshal(data, &claims)
	c.Role = claims.Role
	return err
}

// decodingsOf returns the number of decodings since the last call.
func decodingsOf[Kind any]() int64 {
	count, found := decodings.Load(reflect.TypeFor[Kind]())
	if !found {
		return 0
	}
	return count.(*atomic.Int64).Swap(0)
}

func TestClaimsAreDecodedOnce(t *testing.T) {
	request := sessionsOf(t, jwtWith(`{"Role":"admin"}`))
	for range 5 {
		ctx := request()
		for range 5 {
			claims, err := session.Claims[countedClaims[int]](ctx)
			if err != nil || claims.Role != "admin" {
				t.Errorf("%+v, %v", claims, err)
			}
			if claims, err := session.Claims[countedClaims[string]](ctx); err != nil || claims.Role != "admin" {
				t.Errorf("another type: %+v, %v", claims, err)
			}
		}
	}
	if n, other := decodingsOf[int](), decodingsOf[string](); n != 1 || other != 1 {
		t.Errorf("decoded %d and %d times, want once per type", n, other)
	}
	ctx := sessionsOf(t, jwtWith(`{"Role":"user"}`))()
	if claims, err := session.Claims[countedClaims[int]](ctx); err != nil || claims.Role != "user" || decodingsOf[int]() != 1 {
		t.Errorf("another token: %+v, %v", claims, err)
	}
}

func TestClaimsErrorIsRemembered(t *testing.T) {
	request := sessionsOf(t, jwtWith(`{"Role":7}`))
	for range 3 {
		claims, err := session.Claims[countedClaims[bool]](request())
		if err == nil || claims.Role != "" {
			t.Errorf("%+v, %v", claims, err)
		}
	}
	if n := decodingsOf[bool](); n != 1 {
		t.Errorf("decoded %d times", n)
	}
}

// A token remembers a bounded number of types. Further types are decoded each
// time.
func TestClaimsOfManyTypes(t *testing.T) {
	request := sessionsOf(t, jwtWith(`{"Role":"admin"}`))
	decode := []func(context.Context) (string, int64){
		roleOf[int8], roleOf[int16], roleOf[int32], roleOf[int64], roleOf[uint8], roleOf[uint16], roleOf[uint32], roleOf[uint64],
		roleOf[float32], roleOf[float64],
	}
	for round := range 2 {
		for i, roleAndDecodings := range decode {
			role, n := roleAndDecodings(request())
			want := int64(0)
			if round == 0 || i >= session.MaxDecodedTypes {
				want = 1
			}
			if role != "admin" || n != want {
				t.Errorf("round %d, type %d: role %q, decoded %d times, want %d", round, i, role, n, want)
			}
		}
	}
}

func roleOf[Kind any](ctx context.Context) (string, int64) {
	claims, _ := session.Claims[countedClaims[Kind]](ctx)
	return claims.Role, decodingsOf[Kind]()
}

func TestClaimsConcurrently(t *testing.T) {
	request := sessionsOf(t, jwtWith(`{"Role":"admin"}`))
	ctx := request()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if role, _ := roleOf[complex64](ctx); role != "admin" {
				t.Errorf("role %q", role)
			}
			if role, _ := roleOf[complex128](ctx); role != "admin" {
				t.Errorf("role %q", role)
			}
		})
	}
	all.Wait()
	_, _ = roleOf[complex64](ctx) // one type of two may have lost the race
	_, _ = roleOf[complex128](ctx)
	_, first := roleOf[complex64](ctx)
	_, second := roleOf[complex128](ctx)
	if first != 0 || second != 0 {
		t.Errorf("decoded %d and %d more times", first, second)
	}
}

// Types with claims at many places.
type (
	role struct {
		Role string `json:"role"`
	}
	// Embedded is exported: encoding/json does not allocate others.
	Embedded struct {
		Role string `json:"role"`
	}
	nestedClaims struct {
		User    role            `json:"user"`
		Pointer *role           `json:"pointer"`
		List    []role          `json:"list"`
		Array   [2]role         `json:"array"`
		Map     map[string]role `json:"map"`
		Lists   [][]role        `json:"lists"`
	}
	embeddedClaims struct {
		Embedded
		Name string `json:"name"`
	}
	embeddedPointerClaims struct {
		*Embedded
		Name string `json:"name"`
	}
	unexportedEmbeddedClaims struct {
		role
	}
	namedEmbeddedClaims struct {
		role `json:"user"`
	}
	shadowedClaims struct {
		Role map[string]role `json:"role"` // shadows that of Embedded
		Embedded
	}
	recursiveClaims struct {
		Role   string           `json:"role"`
		Parent *recursiveClaims `json:"parent"`
	}
	untaggedClaims struct {
		Role    string
		Ignored string `json:"-"`
		Dash    string `json:"-,"` //nolint:staticcheck // SA5008: a field named "-", which encoding/json allows
		Omitted string `json:",omitempty"`
	}
)

// Claim names have to match exactly. encoding/json ignores case, so two parties
// could read one token differently.
func TestClaimNamesAreExact(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		decode  func(*session.AuthSession) (any, error)
		want    any
	}{
		{name: "exact", payload: `{"role":"admin"}`, decode: decodeAs[role], want: role{"admin"}},
		{name: "another case", payload: `{"ROLE":"admin","Role":"admin"}`, decode: decodeAs[role], want: role{}},
		{name: "both, the exact one first", payload: `{"role":"user","ROLE":"admin"}`, decode: decodeAs[role], want: role{"user"}},
		{name: "both, the exact one last", payload: `{"ROLE":"admin","role":"user"}`, decode: decodeAs[role], want: role{"user"}},
		{name: "another case with a wrong type", payload: `{"role":"user","ROLE":[1e999]}`, decode: decodeAs[role], want: role{"user"}},
		{name: "a letter that folds to another", payload: `{"ro\u212Ae":1}`, decode: decodeAs[struct {
			Roke int `json:"roke"`
		}], want: struct {
			Roke int `json:"roke"`
		}{}},
		{
			name: "nested",
			payload: `{"user":{"ROLE":"x","role":"1"},"pointer":{"ROLE":"x","role":"2"},"list":[{"role":"3","Role":"x"},{"ROLE":"x"}],` +
				`"array":[{"ROLE":"x"},{"role":"4"}],"map":{"K":{"ROLE":"x"},"k":{"role":"5"}},"lists":[[{"ROLE":"x","role":"6"}]]}`,
			decode: decodeAs[nestedClaims],
			want: nestedClaims{
				User: role{"1"}, Pointer: &role{"2"}, List: []role{{"3"}, {}}, Array: [2]role{{}, {"4"}},
				Map: map[string]role{"K": {}, "k": {"5"}}, Lists: [][]role{{{"6"}}},
			},
		},
		{name: "embedded", payload: `{"ROLE":"x","role":"1","NAME":"x","name":"2"}`, decode: decodeAs[embeddedClaims], want: embeddedClaims{Embedded{"1"}, "2"}},
		{name: "embedded pointer", payload: `{"ROLE":"x","role":"1"}`, decode: decodeAs[embeddedPointerClaims], want: embeddedPointerClaims{Embedded: &Embedded{"1"}}},
		{name: "embedded, unexported", payload: `{"ROLE":"x","role":"1"}`, decode: decodeAs[unexportedEmbeddedClaims], want: unexportedEmbeddedClaims{role{"1"}}},
		{name: "embedded, unexported, with a name", payload: `{"USER":{"role":"x"},"user":{"role":"1","ROLE":"x"}}`, decode: decodeAs[namedEmbeddedClaims], want: namedEmbeddedClaims{role{"1"}}},
		{
			name:    "a field that shadows an embedded one",
			payload: `{"role":{"a":{"role":"1","ROLE":"x"}}}`,
			decode:  decodeAs[shadowedClaims], want: shadowedClaims{Role: map[string]role{"a": {"1"}}},
		},
		{
			name: "recursive", payload: `{"role":"1","parent":{"ROLE":"x","parent":{"role":"2","PARENT":{"role":"x"}}}}`,
			decode: decodeAs[recursiveClaims], want: recursiveClaims{Role: "1", Parent: &recursiveClaims{Parent: &recursiveClaims{Role: "2"}}},
		},
		{
			name: "without tags", payload: `{"role":"x","Role":"1","Ignored":"x","-":"2","omitted":"x","Omitted":"3"}`,
			decode: decodeAs[untaggedClaims], want: untaggedClaims{Role: "1", Dash: "2", Omitted: "3"},
		},
		{name: "a map keeps every name", payload: `{"role":"1","ROLE":"2"}`, decode: decodeAs[map[string]string], want: map[string]string{"role": "1", "ROLE": "2"}},
		{name: "a pointer", payload: `{"ROLE":"x","role":"1"}`, decode: decodeAs[*role], want: &role{"1"}},
		{name: "any", payload: `{"a":[1,"<&>"]}`, decode: decodeAs[any], want: map[string]any{"a": []any{1.0, "<&>"}}},
		{name: "a large number", payload: `{"n":12345678901234567890}`, decode: decodeAs[map[string]uint64], want: map[string]uint64{"n": 12345678901234567890}},
		{name: "null", payload: `{"role":null}`, decode: decodeAs[role], want: role{}},
	}
	for _, test := range tests {
		ctx := sessionsOf(t, jwtWith(test.payload))()
		s, _ := session.FromContext(ctx)
		got, err := test.decode(s)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(unexportedEmbeddedClaims{}, namedEmbeddedClaims{})); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
		}
	}
}

func decodeAs[T any](s *session.AuthSession) (any, error) { return session.ClaimsOf[T](s) }

func TestClaimsErrors(t *testing.T) {
	tests := []struct {
		name string
		jwt  session.Secret
		want string // a part of the error's text
	}{
		{name: "a claim that does not fit", jwt: jwtWith(`{"role":["admin"]}`), want: "role"},
		{name: "a payload that is no object", jwt: jwtWith(`[]`), want: "array"},
		{name: "a payload that is no JSON", jwt: jwtWith(`{`), want: "JSON"},
		{name: "a payload that is no base64url", jwt: session.NewSecret("e30.!.c2ln"), want: "base64"},
		{name: "no JWT", jwt: session.NewSecret("opaque"), want: "not a JWT"},
	}
	for _, test := range tests {
		for how, ctx := range map[string]context.Context{
			"from a manager": sessionsOf(t, test.jwt)(),
			"from a test":    session.NewContext(t.Context(), &session.AuthSession{JWT: test.jwt}),
		} {
			claims, err := session.Claims[role](ctx)
			if claims != (role{}) || err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "session: claims: ") {
				t.Errorf("%s, %s: %+v, %v; want an error with %q", test.name, how, claims, err, test.want)
			}
		}
	}
	for name, ctx := range map[string]context.Context{
		"no middleware":             t.Context(),
		"a request without session": session.NewContext(t.Context(), nil),
	} {
		if claims, err := session.Claims[role](ctx); claims != (role{}) || err == nil {
			t.Errorf("%s: %+v, %v", name, claims, err)
		}
	}
	if _, err := session.ClaimsOf[struct{}](&session.AuthSession{}); err == nil {
		t.Error("a session without a JWT has claims")
	}
}

// A session of NewContext has claims like any other, without a memory of them.
func TestClaimsOfATestsSession(t *testing.T) {
	ctx := session.NewContext(t.Context(), &session.AuthSession{JWT: jwtWith(`{"Role":"admin"}`)})
	for range 3 {
		if claims, err := session.Claims[countedClaims[uint]](ctx); err != nil || claims.Role != "admin" {
			t.Errorf("%+v, %v", claims, err)
		}
	}
	if n := decodingsOf[uint](); n != 3 {
		t.Errorf("decoded %d times, want 3", n)
	}
	type claims struct{ Role string }
	if got, err := session.Claims[claims](ctx); err != nil || got.Role != "admin" {
		t.Errorf("%+v, %v", got, err)
	}
}

func BenchmarkClaims(b *testing.B) {
	m, err := session.NewManager(session.Config{Upstream: unsignedUpstream{tokens: map[string]*session.Token{}}})
	testkit.NoError(b, err)
	result, err := m.Verify(b.Context(), jwtWith(fmt.Sprintf(`{"role":"admin","user":%q}`, strings.Repeat("x", 200))))
	testkit.NoError(b, err)
	ctx := result.NewContext(b.Context(), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Claims[role](ctx); err != nil {
			b.Fatal(err)
		}
	}
}
