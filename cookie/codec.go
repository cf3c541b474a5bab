package cookie

import "slices"

// A Codec reads sessions from requests and writes them to responses. It is
// immutable and safe for concurrent use.
type Codec struct {
	config Config
	// nameSets begins with the configured one, the primary name set.
	nameSets []nameSet
	// names are the distinct names of all name sets, and the marker's.
	names []cookieName
	// markerName is the index of the marker's name in names.
	markerName int
	// hasPrefix reports that the configured names have a prefix that keeps
	// other hosts from setting them. Names without a prefix must not compete.
	hasPrefix bool
}

// nameSet is one pair of names, as indexes into Codec.names.
type nameSet struct {
	jwt, refresh int
	scoped       bool // the browser client may keep this pair itself
	former       bool // of Config.Former: its sessions move to the primary name set
}

type cookieName struct {
	name string
	kind cookieKind
}

type cookieKind int

const (
	jwtCookie cookieKind = iota
	refreshCookie
	markerCookie
)

// NewCodec checks config and returns a Codec. One error reports all faults.
func NewCodec(config Config) (*Codec, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	c := &Codec{config: config, hasPrefix: hasPrefix(config.Names.JWT) && hasPrefix(config.Names.RefreshToken)}
	scoped := Scoped(config.ProjectID)
	for i, names := range c.readNames() {
		set := nameSet{
			jwt: c.nameIndex(names.JWT, jwtCookie), refresh: c.nameIndex(names.RefreshToken, refreshCookie),
			scoped: names == scoped, former: 1 <= i && i <= len(config.Former),
		}
		known := func(other nameSet) bool { return other.jwt == set.jwt && other.refresh == set.refresh }
		if !slices.ContainsFunc(c.nameSets, known) {
			c.nameSets = append(c.nameSets, set)
		}
	}
	c.markerName = c.nameIndex(config.Names.RefreshToken+markerSuffix, markerCookie)
	return c, nil
}

// readNames returns the names that the codec reads, the configured ones first.
func (c *Codec) readNames() []Names {
	names := []Names{c.config.Names}
	for _, former := range c.config.Former {
		names = append(names, former.Names)
	}
	if !c.config.OnlyConfiguredNames {
		names = append(names, otherNames(c.config.ProjectID)...)
	}
	return names
}

// nameIndex returns the index of a name in c.names.
func (c *Codec) nameIndex(name string, kind cookieKind) int {
	if i := slices.IndexFunc(c.names, func(known cookieName) bool { return known.name == name }); i >= 0 {
		return i
	}
	c.names = append(c.names, cookieName{name, kind})
	return len(c.names) - 1
}

// Config returns the configuration with its defaults, for further cookies of the same
// site. Treat it as read-only.
func (c *Codec) Config() Config { return c.config }

// primary returns the configured name set.
func (c *Codec) primary() *nameSet { return &c.nameSets[0] }
