package lab

import "testing"

// A slow response may still carry the token that upstream has exchanged for another
// project's JWT. The subject refuses that token for a while all the same.
func TestForeignRefusalHealsWithLaterToken(t *testing.T) {
	o := newOracle(false)
	f := o.newFamilyLocked("user", "first")
	o.falsified("another project's", true)
	o.exchanged("first", []byte(`{"jwt":"another project's","refresh":{"secret":"second"},"user":{"id":"user"}}`))
	x := &exchange{presented: []presented{{family: f, token: "first"}}}
	for _, carried := range []struct {
		token string
		heals bool
	}{{token: "first"}, {token: "second", heals: true}} {
		o.carriedLocked(x, presented{family: f, token: carried.token})
		if f.healed != carried.heals {
			t.Errorf("healed after a response with the %s token: %t", carried.token, f.healed)
		}
	}
}
