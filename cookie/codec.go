package cookie

import (
	"net/http"
	"slices"

	"github.com/crossmint-go/auth/session"
)

// A Codec reads sessions from requests and writes them to answers. It is
// immutable and safe for concurrent use.
type Codec struct {
	config Config
	// generations begins with the configured one. Their index is the source
	// of the pairs that Read finds.
	generations []generation
	// names are the distinct names of all generations.
	names []string
	// guarded says that the configured names have a prefix that keeps others
	// from setting them; names without one must not compete with them.
	guarded bool
}

// generation is one pair of names, as indexes into Codec.names.
type generation struct {
	jwt, refresh int
	scoped       bool // the browser client may keep this pair itself
}

// configured is the source of the configured generation.
const configured = 0

// NewCodec checks config and returns a Codec. All faults are reported in one
// error.
func NewCodec(config Config) (*Codec, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	c := &Codec{config: config, guarded: prefixed(config.Names.JWT) && prefixed(config.Names.RefreshToken)}
	scoped := Scoped(config.ProjectID)
	for _, names := range append([]Names{config.Names}, legacy(config.ProjectID)...) {
		g := generation{c.intern(names.JWT), c.intern(names.RefreshToken), names == scoped}
		known := func(other generation) bool { return other.jwt == g.jwt && other.refresh == g.refresh }
		if !slices.ContainsFunc(c.generations, known) {
			c.generations = append(c.generations, g)
		}
	}
	return c, nil
}

// intern returns the index of a name.
func (c *Codec) intern(name string) int {
	if i := slices.Index(c.names, name); i >= 0 {
		return i
	}
	c.names = append(c.names, name)
	return len(c.names) - 1
}

// Read returns the session material that r presents, of all generations, the
// configured one first. Cookies that net/http would drop are dropped, and an
// empty value counts as absent.
//
// Where the configured names begin with __Host- or __Secure-, other generations
// are read only if none of them came: anybody who can set a cookie for the site
// could else outdo them.
//
// Names that occur more than once, as they do after a change of Domain or
// Path, are paired in their order.
func (c *Codec) Read(r *http.Request) session.Material {
	lines := r.Header["Cookie"]
	if jwt, refresh, ok := c.usualPair(lines); ok {
		return session.NewMaterial(jwt, refresh)
	}
	return c.readAll(lines)
}

// ReadWithRoom is [Codec.Read], and returns room for the copy of r that will
// carry the session in its context, as session.NewMaterialWithRoom does. The
// room is nil where no one pair came: such a request is not worth it.
func (c *Codec) ReadWithRoom(r *http.Request) (material session.Material, room *http.Request) {
	lines := r.Header["Cookie"]
	if jwt, refresh, ok := c.usualPair(lines); ok {
		return session.NewMaterialWithRoom[http.Request](jwt, refresh)
	}
	return c.readAll(lines), nil
}

func (c *Codec) readAll(lines []string) session.Material {
	var found found
	c.scan(lines, &found)
	var material session.Material
	for source := range c.generations {
		g := &c.generations[source]
		if source != configured && c.guarded && !material.IsZero() {
			break
		}
		jwts, refreshes := &found[g.jwt], &found[g.refresh]
		if jwts.count == 0 && c.claimed(g, &found) {
			continue
		}
		for i := range max(jwts.count, refreshes.count) {
			material.Add(jwts.at(i), refreshes.at(i), source)
		}
	}
	return material
}

// claimed reports whether the refresh cookie of g, which has no JWT cookie,
// has to be seen as the other half of another generation's pair.
func (c *Codec) claimed(g *generation, found *found) bool {
	for i := range c.generations {
		if other := &c.generations[i]; other.refresh == g.refresh && found[other.jwt].count > 0 {
			return true
		}
	}
	// Of several that could have it the first does.
	for i := range c.generations {
		if other := &c.generations[i]; other.refresh == g.refresh {
			return other != g
		}
	}
	return false
}
