package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/internal/verify"
)

// draft is a token in the making. Left alone it becomes a valid one.
type draft struct {
	self, other signer // other: the same name and another key
	header      object
	claims      object
	rawHeader   string // replaces header
	rawClaims   string
	sign        func(input []byte) []byte
	edit        func(token string) string
}

func newDraft(pair [2]signer) *draft {
	return &draft{
		self: pair[0], other: pair[1], sign: pair[0].sign,
		header: headerOf(pair[0]), claims: claimsOf("user-a", time.Now().Add(time.Hour)),
		edit: func(token string) string { return token },
	}
}

func (d *draft) token() string {
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

// hostile is a token with one fault. The reason is part of the error: a row
// must not pass because something else is wrong.
type hostile struct {
	name   string
	fault  func(*draft)
	reason string
}

// refuse makes each token twice, without its fault and with it, under each
// algorithm, and expects the first to be taken and the second to be refused.
func refuse(t *testing.T, config func(*verify.Config), rows []hostile) {
	t.Helper()
	for name, pair := range algorithms() {
		keys := newSource(pair[0])
		c := configOf(keys)
		if config != nil {
			config(&c)
		}
		v := newVerifierWith(t, c)
		set := must(verify.ParseKeySet(publish(pair[0])))
		for _, row := range rows {
			t.Run(name+"/"+row.name, func(t *testing.T) {
				control := newDraft(pair)
				want(t, v, control.token(), valid)

				faulty := newDraft(pair)
				row.fault(faulty)
				token := faulty.token()
				_, err := v.Verify(t.Context(), token)
				refused(t, err, row.reason)
				_, err = v.VerifyWith(set, token)
				refused(t, err, row.reason)
			})
		}
		if got := len(keys.fetches()); got > 2 {
			t.Errorf("%s: %d fetches of the keys, want 1, and one more for unknown names", name, got)
		}
	}
}

func refused(t *testing.T, err error, reason string) {
	t.Helper()
	if resultOf(err) != invalid {
		t.Fatalf("verdict = %s (%v), want %s", resultOf(err), err, invalid)
	}
	if !strings.Contains(err.Error(), reason) {
		t.Errorf("refused for another reason: %v, want %q", err, reason)
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 }) || len(err.Error()) > 300 {
		t.Errorf("error is not one short line: %q", err)
	}
}

// take makes each token and expects it to be valid.
func take(t *testing.T, rows map[string]func(*draft)) {
	t.Helper()
	for name, pair := range algorithms() {
		v := newVerifier(t, newSource(pair[0]))
		for row, variant := range rows {
			t.Run(name+"/"+row, func(t *testing.T) {
				d := newDraft(pair)
				variant(d)
				got, err := v.Verify(t.Context(), d.token())
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
