package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/google/go-cmp/cmp"
)

func TestSealedValue(t *testing.T) {
	token, other := session.NewSecret("old token"), session.NewSecret("other token")
	seal := func(expires time.Time) []byte {
		sealed, err := fleet.Seal(secret, token, expires, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	good := seal(time.Now().Add(time.Minute))
	if !fleet.Open(secret, token, good) {
		t.Fatal("the token does not open the value")
	}
	if fleet.Open(secret, other, good) {
		t.Error("another token opens it")
	}
	if fleet.Open(session.NewSecret(strings.Repeat("x", 32)), token, good) {
		t.Error("another deployment opens it")
	}
	if fleet.Open(secret, token, seal(time.Now().Add(-fleet.ClockSkew))) {
		t.Error("it opens after its expiry, when it is replayed")
	}
	for n := range good {
		changed := bytes.Clone(good)
		changed[n] ^= 1
		if fleet.Open(secret, token, changed) || fleet.Open(secret, token, good[:n]) {
			t.Errorf("it opens with byte %d changed or cut off", n)
		}
	}
	if bytes.Equal(good, seal(time.Now().Add(time.Minute))) {
		t.Error("two values are the same")
	}
}

// The content of the store and the secret do not suffice to open a value.
func TestValuesNeedTheOldToken(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		const refreshes = 1000
		for n := range refreshes {
			coordinatortest.Do(t, p.a, fmt.Sprint("canary ", n), &coordinatortest.Calls{})
		}
		dump := p.memory.Dump()
		if len(dump) < refreshes {
			t.Errorf("the store has %d records", len(dump))
		}
		for key, stored := range dump {
			if bytes.Contains(stored, []byte("canary")) || strings.Contains(key, "canary") {
				t.Error("the store has a token")
			}
			for _, token := range []string{"", key, key[4:], secret.Reveal(), "canary 1'", "canary 2'"} {
				if fleet.Open(secret, session.NewSecret(token), fleet.ValueOf(stored)) {
					t.Error("a value was opened without the old token")
				}
			}
		}
	})
}

// header is the length of the part of a record that is not sealed.
const header = 75

// foreignRecords are records in place of the record of a token, as a broken store or
// a party that can write to it may leave them.
var foreignRecords = []struct {
	name string
	of   func(record, other []byte) []byte
}{
	{name: "a byte", of: func(_, _ []byte) []byte { return []byte("x") }},
	{name: "a string", of: func(_, _ []byte) []byte { return []byte(strings.Repeat("gibberish", 100)) }},
	{name: "no value", of: func(record, _ []byte) []byte { return record[:header] }},
	{name: "a long value", of: func(record, _ []byte) []byte { return append(record, make([]byte, 100<<10)...) }},
	{name: "the last byte changed", of: func(record, _ []byte) []byte { record[len(record)-1] ^= 1; return record }},
	{name: "a later expiry", of: func(record, _ []byte) []byte { record[header+4] ^= 1; return record }},
	{name: "another kind", of: func(record, _ []byte) []byte { record[header] = 'r'; return record }},
	{name: "an unknown kind", of: func(record, _ []byte) []byte { record[header] = 'x'; return record }},
	{name: "another token's value", of: func(record, other []byte) []byte { return append(record[:header], other[header:]...) }},
	{name: "marks in the far future", of: func(record, _ []byte) []byte {
		for i := 17; i < 49; i++ { // the times
			record[i] = 0x7f
		}
		return record
	}},
	{name: "another format", of: func(record, _ []byte) []byte { record[0] = 2; return record }},
}

func TestForeignRecordCountsAsAbsent(t *testing.T) {
	for _, foreign := range foreignRecords {
		t.Run(foreign.name, func(t *testing.T) {
			onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
				coordinatortest.Do(t, p.a, "a", &coordinatortest.Calls{})
				key := p.grantKeys()[0]
				record := p.memory.Dump()[key]
				coordinatortest.Do(t, p.a, "other", &coordinatortest.Calls{})
				other := slices.DeleteFunc(p.grantKeys(), func(k string) bool { return k == key })[0]
				p.write(key, foreign.of(bytes.Clone(record), p.memory.Dump()[other]))
				if err := coordinatortest.DoError(t, p.b, "a", &coordinatortest.Calls{Exchange: coordinatortest.Overloaded}); err == nil {
					t.Error("the foreign record is a result")
				}
				calls := &coordinatortest.Calls{}
				for _, c := range []*fleet.Coordinator{p.b, p.a} {
					if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
						t.Errorf("got %s", got)
					}
				}
				calls.WantExchanged(t, 1)
			})
		})
	}
}

func TestSharedGrantIsComplete(t *testing.T) {
	onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
		want := session.Grant{
			JWT:          session.NewSecret("jwt"),
			RefreshToken: session.RefreshToken{Secret: session.NewSecret("a'"), ExpiresAt: "2030-01-02T03:04:05.000Z"},
			User: session.User{
				ID: "user", Email: "ada@example.com", PhoneNumber: "+15550100", JSON: []byte(`{"id":"user","twitter":{"username":"ada"}}`),
			},
			ReceivedAt: time.Now().Round(0).UTC(),
		}
		calls := &coordinatortest.Calls{Exchange: func(context.Context, session.Secret) (*session.Grant, error) { return &want, nil }}
		for _, c := range []*fleet.Coordinator{p.a, p.b} {
			shared, err := c.Do(t.Context(), session.NewSecret("a"), calls.Upstream())
			if err != nil {
				t.Fatal(err)
			}
			wantGrant(t, &want, shared.Grant)
		}
	})
}

func wantGrant(t *testing.T, want, got *session.Grant) {
	t.Helper()
	type grant struct { // with the secrets revealed
		JWT, RefreshToken, ExpiresAt string
		User                         session.User
		ReceivedAt                   time.Time
	}
	reveal := func(g *session.Grant) grant {
		return grant{g.JWT.Reveal(), g.RefreshToken.Secret.Reveal(), g.RefreshToken.ExpiresAt, g.User, g.ReceivedAt}
	}
	if diff := cmp.Diff(reveal(want), reveal(got)); diff != "" {
		t.Errorf("grant (-want +got):\n%s", diff)
	}
}

// previous is the secret of the deployment before a change.
var previous = session.NewSecret("the secret before the change, also long enough")

// Instances share refreshes, logouts and denials during a change of the secret,
// whichever secrets they have.
func TestSecretChange(t *testing.T) {
	old, both, renewed := fleet.Config{Secret: previous}, fleet.Config{Secret: secret, PreviousSecret: previous}, fleet.Config{Secret: secret}
	for _, test := range []struct {
		name          string
		first, second fleet.Config
	}{
		{name: "old and both", first: old, second: both},
		{name: "both and old", first: both, second: old},
		{name: "both and both", first: both, second: both},
		{name: "both and new", first: both, second: renewed},
		{name: "new and both", first: renewed, second: both},
	} {
		t.Run(test.name, func(t *testing.T) {
			onPair(t, fleet.Config{}, func(t *testing.T, p *pair) {
				p.a, p.b = p.open(test.first), p.open(test.second)
				p.stores = p.stores[2:]
				calls := &coordinatortest.Calls{}
				p.follow("a", calls)()
				for _, c := range []*fleet.Coordinator{p.b, p.a} {
					if got := coordinatortest.Do(t, c, "a", calls); got != "a'" {
						t.Errorf("later: %s", got)
					}
				}
				calls.WantExchanged(t, 1)
				if got := coordinatortest.Logout(t, p.a, "a"); len(got) != 1 {
					t.Errorf("descendants: %v", got)
				}
				wantLoggedOut(t, p.b, "a")
				wantLoggedOut(t, p.b, "a'")
				wantRefusal(t, p.a, "refused", definite)
				wantRefusal(t, p.b, "refused", definite)
				denied := &denials{}
				p.b.OnDeny(denied.add)
				if err := p.a.Deny(t.Context(), [32]byte{1}, time.Now().Add(time.Hour)); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if !denied.has([32]byte{1}) {
					t.Error("the denial was not received")
				}
			})
		})
	}
}
