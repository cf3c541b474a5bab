package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// A tokenBuilder builds a token. Unchanged it builds a valid one.
type tokenBuilder struct {
	ownKey, other signingKey // other has the same kid
	header        object
	claims        object
	rawHeader     string // replaces header
	rawClaims     string
	sign          func(input []byte) []byte
	edit          func(token string) string
}

func newTokenBuilder(pair [2]signingKey) *tokenBuilder {
	return &tokenBuilder{
		ownKey: pair[0], other: pair[1], sign: pair[0].sign,
		header: headerOf(pair[0]), claims: claimsOf("user-a", time.Now().Add(time.Hour)),
		edit: func(token string) string { return token },
	}
}

func (d *tokenBuilder) token() string {
	header, claims := d.header.String(), d.claims.String()
	if d.rawHeader != "" {
		header = d.rawHeader
	}
	if d.rawClaims != "" {
		claims = d.rawClaims
	}
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	return d.edit(input + "." + b64(d.sign([]byte(input))))
}

// A rejectCase is a token with one fault. The reason is a part of the error, so
// that a row does not pass because of another fault.
type rejectCase struct {
	name   string
	fault  func(*tokenBuilder)
	reason string
}

// wantRejected builds each token twice for each algorithm. The verifier has to
// accept the one without the fault and to reject the one with it.
func wantRejected(t *testing.T, rows []rejectCase) {
	t.Helper()
	for name, pair := range algorithms() {
		keys := newKeyServer(pair[0])
		v := newVerifier(t, keys)
		set := must(verify.ParseKeySet(jwks(pair[0])))
		for _, row := range rows {
			t.Run(name+"/"+row.name, func(t *testing.T) {
				control := newTokenBuilder(pair)
				wantResult(t, v, control.token(), valid)

				faulty := newTokenBuilder(pair)
				row.fault(faulty)
				token := faulty.token()
				_, err := v.VerifyNow(t.Context(), token)
				wantReason(t, err, row.reason)
				_, err = v.VerifyWith(set, token)
				wantReason(t, err, row.reason)
			})
		}
		if got := len(keys.fetches()); got > 2 {
			t.Errorf("%s: %d fetches of the keys, want 1, and one more for unknown names", name, got)
		}
	}
}

// wantReason checks that a token was rejected for the reason.
func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	if resultOf(err) != invalid {
		t.Fatalf("result = %s (%v), want %s", resultOf(err), err, invalid)
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("rejected for another reason: %v, want %q", err, reason)
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 }) || len(err.Error()) > 300 {
		t.Errorf("error is not one short line: %q", err)
	}
}

// wantAccepted builds each token for each algorithm. The verifier has to accept
// it.
func wantAccepted(t *testing.T, rows map[string]func(*tokenBuilder)) {
	t.Helper()
	for name, pair := range algorithms() {
		v := newVerifier(t, newKeyServer(pair[0]))
		for row, variant := range rows {
			t.Run(name+"/"+row, func(t *testing.T) {
				d := newTokenBuilder(pair)
				variant(d)
				got, err := v.VerifyNow(t.Context(), d.token())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff("user-a", got.UserID); diff != "" {
					t.Errorf("subject (-want +got):\n%s", diff)
				}
			})
		}
	}
}
