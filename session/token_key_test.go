package session

import "testing"

// The keys and fingerprints of two processes differ, so an event does not
// identify a token outside its process.
func TestHasher(t *testing.T) {
	token := NewSecret("refresh-token")
	a, b := newHasher(), newHasher()
	if a.key(token) == b.key(token) || a.fingerprint(token) == b.fingerprint(token) {
		t.Errorf("%s identifies the token in every process", a.fingerprint(token))
	}
	if a.key(token) != a.key(NewSecret("refresh-token")) {
		t.Error("one process has two keys for one token")
	}
	if got := a.fingerprint(Secret{}); got != "" {
		t.Errorf("no token has the fingerprint %q", got)
	}
}
