package session

import "sync"

// minSuspectUsers is the number of distinct users that upstream has to refuse,
// without accepting one, before the API key is suspect.
const minSuspectUsers = 5

// A keyMonitor detects that upstream refuses all users. Then the API key is wrong,
// for example revoked, and not the users' tokens, so no cookies are deleted. The
// zero value is ready.
type keyMonitor struct {
	mu      sync.Mutex          // guards all below
	refused map[string]struct{} // users since the last acceptance, up to minSuspectUsers
}

// isSuspect reports whether the API key is suspect.
func (k *keyMonitor) isSuspect() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.isSuspectLocked()
}

func (k *keyMonitor) isSuspectLocked() bool { return len(k.refused) >= minSuspectUsers }

// recordRefusal notes the refusal of a user whose JWT is correctly signed. It
// reports whether the key was suspect before.
func (k *keyMonitor) recordRefusal(user string) (suspect bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.isSuspectLocked() || user == "" {
		return k.isSuspectLocked()
	}
	if k.refused == nil {
		k.refused = map[string]struct{}{}
	}
	k.refused[user] = struct{}{}
	return false
}

// recordSuccess notes an accepted refresh. It reports whether that ended a
// suspicion.
func (k *keyMonitor) recordSuccess() (ended bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ended = k.isSuspectLocked()
	clear(k.refused)
	return ended
}
