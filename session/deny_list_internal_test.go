package session

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// testDigest returns the digest of a forged signing input.
func testDigest(name string) [sha256.Size]byte { return sha256.Sum256([]byte(name)) }

// A full list evicts expired entries first, and keeps those that expire last.
func TestDenyListIsBounded(t *testing.T) {
	lists := map[string]func(d *denyList) (func([sha256.Size]byte, time.Time), *map[[sha256.Size]byte]time.Time){
		"verified": func(d *denyList) (func([sha256.Size]byte, time.Time), *map[[sha256.Size]byte]time.Time) {
			return d.add, &d.verified
		},
		"unverified": func(d *denyList) (func([sha256.Size]byte, time.Time), *map[[sha256.Size]byte]time.Time) {
			return d.addUnverified, &d.unverified
		},
	}
	for name, of := range lists {
		t.Run(name, func(t *testing.T) {
			var d denyList
			add, list := of(&d)
			contains := func(name string) bool {
				_, found := (*list)[testDigest(name)]
				return found
			}
			now := time.Now()
			for i := range maxDenied {
				add(testDigest(fmt.Sprint("expired-", i)), now.Add(-time.Second))
			}
			add(testDigest("late"), now.Add(2*time.Hour))
			for i := range maxDenied / 2 {
				add(testDigest(fmt.Sprint("live-", i)), now.Add(time.Hour))
			}
			if !contains("late") || !contains("live-0") {
				t.Error("a live entry was evicted while others had expired")
			}
			for i := range maxDenied / 4 {
				add(testDigest(fmt.Sprint("more-", i)), now.Add(time.Hour))
				if len(*list) > maxDenied {
					t.Fatalf("%d entries, want %d at most", len(*list), maxDenied)
				}
			}
			if !contains("late") {
				t.Error("the entry that expires last was evicted")
			}
		})
	}
}

// Entries that could not be verified may be forged. They evict no verified one.
func TestDenyListKeepsUnverifiedApart(t *testing.T) {
	var d denyList
	token := &Token{JWT: NewSecret("header.payload.signature")}
	d.add(signingInputDigest(token.JWT), time.Now().Add(time.Hour))
	for i := range maxDenied + 1000 {
		d.addUnverified(testDigest(fmt.Sprint("forged-", i)), time.Now().Add(2*time.Hour))
	}
	if d.check(token) == nil {
		t.Error("forged entries evicted a verified one")
	}
}

// A token that was looked up once finds a later denial, under every signature.
func TestDenyListFindsLaterDenials(t *testing.T) {
	var d denyList
	until := time.Now().Add(time.Hour)
	first, second := &Token{JWT: NewSecret("header.payload.AA")}, &Token{JWT: NewSecret("header.payload.BB")}
	other := &Token{JWT: NewSecret("header.other.AA")}
	d.add(testDigest("unrelated"), until)
	for _, token := range []*Token{first, second, other} {
		for range 2 { // the second look-up uses the remembered version
			if d.check(token) != nil {
				t.Fatalf("%s is denied", token.JWT.Reveal())
			}
		}
	}
	d.addUnverified(signingInputDigest(first.JWT), until)
	if d.check(first) == nil || d.check(second) == nil {
		t.Error("a later denial was not found")
	}
	if d.check(other) != nil {
		t.Error("another token is denied")
	}
}

// The look-up of a JWT of typical size after a new denial leaves no garbage.
func TestDenyListLookUpDoesNotAllocate(t *testing.T) {
	var d denyList
	token := &Token{JWT: NewSecret(strings.Repeat("h", 50) + "." + strings.Repeat("p", 500) + "." + strings.Repeat("s", 342))}
	d.add(testDigest("first"), time.Now().Add(time.Hour))
	if got := testing.AllocsPerRun(100, func() { d.version.Add(1); _ = d.check(token) }); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// A denial that has expired takes no room.
func TestExpiredDenialsOfFleetAreIgnored(t *testing.T) {
	fleet := &callbackBroadcaster{}
	m := &Manager{config: Config{Coordinator: fleet}}
	m.subscribeDenials()
	fleet.callback(testDigest("expired"), time.Now())
	if len(m.denied.verified) != 0 {
		t.Error("an expired denial was added")
	}
	fleet.callback(testDigest("live"), time.Now().Add(time.Hour))
	if len(m.denied.verified) != 1 {
		t.Error("a denial was not added")
	}
}

// callbackBroadcaster keeps the callback of a manager.
type callbackBroadcaster struct {
	Coordinator
	DenyListBroadcaster
	callback func([sha256.Size]byte, time.Time)
}

func (b *callbackBroadcaster) OnDeny(callback func([sha256.Size]byte, time.Time)) {
	b.callback = callback
}

// The "exp" of a JWT that could not be verified may be forged.
func TestUnverifiedExpiryIsBounded(t *testing.T) {
	now := time.Now()
	latest := now.Add(maxUnverifiedDenial)
	tests := map[string]struct {
		payload string
		want    time.Time // zero: not denied
	}{
		"in an hour":         {payload: fmt.Sprintf(`{"exp":%d}`, now.Add(time.Hour).Unix()), want: now.Add(time.Hour)},
		"in a hundred years": {payload: fmt.Sprintf(`{"exp":%d}`, now.AddDate(100, 0, 0).Unix()), want: latest},
		"beyond an int64":    {payload: `{"exp":1e300}`, want: latest},
		"with a fraction":    {payload: fmt.Sprintf(`{"exp":%d.5}`, now.Add(time.Hour).Unix()), want: now.Add(time.Hour)},
		"beside EXP":         {payload: fmt.Sprintf(`{"exp":%d,"EXP":1}`, now.Add(time.Hour).Unix()), want: now.Add(time.Hour)},
		"missing":            {payload: `{}`},
		"zero":               {payload: `{"exp":0}`},
		"negative":           {payload: `{"exp":-1}`},
		"a string":           {payload: `{"exp":"1893456000"}`},
		"not an object":      {payload: `[]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			jwt := "e30." + base64.RawURLEncoding.EncodeToString([]byte(test.payload)) + ".AA"
			got, ok := unverifiedExpiry(NewSecret(jwt))
			if ok == test.want.IsZero() || got.Sub(test.want).Abs() > time.Minute {
				t.Errorf("unverifiedExpiry = %v, %v, want %v", got, ok, test.want)
			}
		})
	}
	if _, ok := unverifiedExpiry(NewSecret("not a JWT")); ok {
		t.Error("denied, though it is not a JWT")
	}
}
