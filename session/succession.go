package session

import (
	"context"
	"time"
)

// This file is what the coordinator of one process remembers: which grant
// followed which token, which tokens are dead, and who has logged out.

// newest follows the rotations from k to the newest grant that still lives,
// and returns it with the key it is remembered under. A mark on the way ends
// the search with ErrLoggedOut. The mutex is held.
func (c *local) newest(k tokenKey) (last tokenKey, grant *Grant, err error) {
	for range maxChain {
		if _, marked := c.marks.get(k); marked {
			return k, nil, ErrLoggedOut
		}
		g := c.successor(k)
		if g == nil {
			break
		}
		last, grant, k = k, g, c.hasher.key(g.RefreshToken.Secret)
	}
	return last, grant, nil
}

// successor returns the grant that was got for k, or nil. The mutex is held.
func (c *local) successor(k tokenKey) *Grant {
	if grant, found := c.grants.get(k); found {
		return grant
	}
	grant, _ := c.untaken.get(k)
	return grant
}

// take notes that somebody has the grant under k. While nobody has, no
// browser can know the successor, and it waits; from now on it lives for the
// grace, and not beyond its end. Taking it again does not prolong it.
func (c *local) take(k tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if grant, found := c.untaken.get(k); found {
		c.grants.putUntil(k, grant, c.untaken.end(k))
		c.untaken.drop(k)
	}
}

func (c *local) keptFor(k tokenKey) *Grant {
	c.mu.Lock()
	defer c.mu.Unlock()
	grant, _ := c.kept.get(k)
	return grant
}

// keep remembers a grant that is to be judged; nil forgets it.
func (c *local) keep(k tokenKey, grant *Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if grant == nil {
		c.kept.drop(k)
	} else {
		c.kept.put(k, grant)
	}
}

// noteRotated notes that k's token has a successor, which may outlive the time
// for which it is kept.
func (c *local) noteRotated(k tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rotated.put(k, struct{}{})
}

// remember keeps a grant under the token it was got for, until its grace is
// over where that began elsewhere. Where upstream does not rotate tokens there
// is no succession to remember. The mutex is held.
func (c *local) remember(k tokenKey, grant *Grant, until time.Time) {
	if c.hasher.key(grant.RefreshToken.Secret) == k {
		return
	}
	c.untaken.putUntil(k, grant, until)
	c.rotated.put(k, struct{}{})
}

// refuse remembers a refusal. A token that was rotated here is refused
// because its successor lives, somewhere in the same browser: such a refusal
// must not clear what it does not speak of. The mutex is held.
func (c *local) refuse(k tokenKey, refusal *UpstreamError) *UpstreamError {
	if _, late := c.rotated.get(k); late {
		doubtful := *refusal
		doubtful.Doubtful = true
		refusal = &doubtful
	}
	c.refusals.put(k, refusal)
	return refusal
}

// Logout implements [Coordinator].
func (c *local) Logout(ctx context.Context, token Secret) ([]*Grant, error) {
	newest, followers := c.mark(token)
	if c.next == nil {
		return followers, nil
	}
	more, err := c.next.Logout(ctx, newest)
	return append(followers, more...), err
}

// mark marks token and all that follows it.
func (c *local) mark(token Secret) (newest Secret, followers []*Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest = token
	for range maxChain {
		k := c.hasher.key(newest)
		c.marks.put(k, struct{}{})
		grant, kept := c.kept.get(k)
		if kept && c.flights[k] == nil { // else the flight will find the mark
			c.kept.drop(k)
		} else if grant = c.successor(k); grant == nil {
			break
		}
		followers = append(followers, grant)
		newest = grant.RefreshToken.Secret
	}
	return newest, followers
}
