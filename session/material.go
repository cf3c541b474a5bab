package session

import "context"

// Bounds of what a request may present; longer tokens count as absent.
const (
	// MaxJWTBytes holds any JWT that fits into a cookie, twice over.
	MaxJWTBytes = 8 << 10
	// MaxRefreshTokenBytes leaves room in a cookie of 4096 bytes for a JWT's
	// worth of growth in upstream's tokens.
	MaxRefreshTokenBytes = 2 << 10
	// maxPairs bounds the signature checks that one request can cause.
	maxPairs = 8
)

// Material is the authentication material that a request presents: pairs of
// a JWT and a refresh token, the preferred one first. A cookie codec makes it
// from a request; [NewMaterial] makes it from two strings.
//
// A Material belongs to one request: it is not safe for concurrent use. The
// zero value holds no pair. It prints no secrets.
type Material struct{ place place }

// node carries one request's material, its session and its place in the
// context in a single allocation.
type node struct {
	*fate               // never nil
	self         *node  // what a place points to
	jwt, refresh string // the first pair
	session      AuthSession
	parent       context.Context
}

// presented returns the first pair.
func (n *node) presented() pair { return pair{Secret{&n.jwt}, Secret{&n.refresh}} }

// fate is what most nodes have in common, which need room for a pointer only:
// they begin as usual and end as their Manager's admitted. It is shared, and
// never changed.
type fate struct {
	source int      // of the first pair
	others []pairOf // the pairs after it
	owner  *Manager // who has authenticated the material; nil: nobody yet
	err    error    // why there is no session
}

// usual is the fate of a node with one pair at most, of the source 0, that
// nobody has authenticated.
var usual fate

// settle notes that m has authenticated n's material.
func (n *node) settle(m *Manager, err error) {
	if n.source == 0 && n.others == nil && err == nil {
		n.fate = &m.admitted
		return
	}
	n.fate = &fate{n.source, n.others, m, err}
}

// pair is a JWT and a refresh token that were stored together. Either may be
// empty.
type pair struct{ jwt, refresh Secret }

// pairOf is a pair and where it came from.
type pairOf struct {
	pair
	source int
}

// NewMaterial returns the Material of one pair. Either may be empty.
func NewMaterial(jwt, refreshToken string) Material {
	var m Material
	m.Add(jwt, refreshToken, 0)
	return m
}

// NewMaterialWithRoom is [NewMaterial], and returns room for a T in the same
// allocation: a middleware needs a copy of every request that it lets pass, and
// one allocation costs a usual request less than two. Whoever keeps the session,
// or one of its secrets, keeps the T; [AuthSession.Clone] shares nothing with it.
func NewMaterialWithRoom[T any](jwt, refreshToken string) (Material, *T) {
	both := &struct {
		room T
		node node
	}{}
	n := &both.node
	n.fate = &usual
	n.jwt, n.refresh = bounded(jwt, MaxJWTBytes), bounded(refreshToken, MaxRefreshTokenBytes)
	if n.jwt == "" && n.refresh == "" {
		return Material{}, &both.room
	}
	return Material{n.place()}, &both.room
}

// bounded returns a token, or nothing where it is too long.
func bounded(token string, most int) string {
	if len(token) > most {
		return ""
	}
	return token
}

// Add appends a pair. Source is the caller's own name for the place the pair
// was read from; [Result] speaks of pairs by it. Pairs without content, and
// those beyond a small bound, are dropped.
func (m *Material) Add(jwt, refreshToken string, source int) {
	jwt, refreshToken = bounded(jwt, MaxJWTBytes), bounded(refreshToken, MaxRefreshTokenBytes)
	if jwt == "" && refreshToken == "" {
		return
	}
	switch n := m.place.node(); {
	case n == nil:
		n = &node{fate: &usual, jwt: jwt, refresh: refreshToken}
		if source != 0 {
			n.fate = &fate{source: source}
		}
		m.place = n.place()
	case len(n.others) < maxPairs-1:
		more := *n.fate
		more.others = append(more.others, pairOf{pair{NewSecret(jwt), NewSecret(refreshToken)}, source})
		n.fate = &more
	}
}

// IsZero reports whether m holds no pair.
func (m Material) IsZero() bool { return m.place.node() == nil }

// A place leads to a node. It points to a pointer in the node, which costs
// nothing: fmt prints what a pointer to a struct points to when it is given a
// verb that does not fit, at any depth, but never follows a second pointer.
type place struct{ self **node }

func (p place) node() *node {
	if p.self == nil {
		return nil
	}
	return *p.self
}

// place returns the place of n.
func (n *node) place() place {
	n.self = n
	return place{&n.self}
}
