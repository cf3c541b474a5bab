package session

import (
	"sync"
	"time"
)

const (
	// minSuspectUsers is the number of distinct users that upstream has to
	// reject within suspectWindow, without accepting one, before the API key is
	// suspect.
	minSuspectUsers = 20
	suspectWindow   = time.Minute
)

// A keyMonitor detects that upstream rejects all users. Then the API key is
// wrong, for example revoked, and not the users' tokens. The zero value is ready.
type keyMonitor struct {
	mu      sync.Mutex // guards all below
	suspect bool
	refused map[string]time.Time // the last refusal of each user
}

// isSuspect reports whether refusals are uncertain.
func (k *keyMonitor) isSuspect() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.suspect
}

// recordRefusal notes the refusal of a user whose JWT is correctly signed. It
// reports whether the key was suspect before.
func (k *keyMonitor) recordRefusal(user string) (suspect bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.suspect || user == "" {
		return k.suspect
	}
	now := time.Now()
	if k.refused == nil {
		k.refused = map[string]time.Time{}
	}
	k.refused[user] = now
	for other, at := range k.refused {
		if now.Sub(at) >= suspectWindow {
			delete(k.refused, other)
		}
	}
	if len(k.refused) >= minSuspectUsers {
		k.suspect, k.refused = true, nil
	}
	return false
}

// recordSuccess notes an accepted refresh. It reports whether that ended a
// suspicion.
func (k *keyMonitor) recordSuccess() (ended bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ended, k.suspect, k.refused = k.suspect, false, nil
	return ended
}
