package cookie

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/crossmint-go/auth/session"
)

const (
	// maxValuesPerName bounds the values of one name that are read. A browser
	// sends two while a Domain or a Path changes.
	maxValuesPerName = 8
	// maxCookies is the number of cookies that net/http accepts in one request.
	maxCookies = 3000
)

// Presented is the session cookies of one request.
type Presented struct {
	// Material is the pairs of tokens, for session.Manager.
	Material session.Material

	codec  *Codec
	values cookieValues
}

// cookieValues holds the values of the session cookies in the order in which
// the browser sent them: those with longer paths first (RFC 6265bis §5.8.3). A
// typical request has one pair.
type cookieValues struct {
	count int
	first [4]cookieValue
	more  []cookieValue
	// markers are the values of the marker.
	markers []string
	// incomplete reports that values were dropped.
	incomplete bool
}

// A cookieValue holds its value as a Secret, so that printing a Presented shows no
// token.
type cookieValue struct {
	name  int // index into Codec.names
	value session.Secret
}

func (v *cookieValues) add(kind cookieKind, value cookieValue) {
	switch {
	case kind == markerCookie:
		if len(v.markers) < maxMarkers {
			v.markers = append(v.markers, value.value.Reveal())
		}
		return
	case v.countOf(value.name) >= maxValuesPerName:
		v.incomplete = true
		return
	case v.count < len(v.first):
		v.first[v.count] = value
	default:
		v.more = append(v.more, value)
	}
	v.count++
}

func (v *cookieValues) at(i int) *cookieValue {
	if i < len(v.first) {
		return &v.first[i]
	}
	return &v.more[i-len(v.first)]
}

// countOf returns the number of values of a name.
func (v *cookieValues) countOf(name int) (n int) {
	for i := range v.count {
		if v.at(i).name == name {
			n++
		}
	}
	return n
}

// nth returns the n-th value of a name, or the last one: a cookie that occurs
// once belongs to each of the other's values.
func (v *cookieValues) nth(name, n int) (value session.Secret) {
	for i := range v.count {
		if found := v.at(i); found.name == name {
			value = found.value
			if n--; n < 0 {
				break
			}
		}
	}
	return value
}

// Read returns the session cookies of r under all known names, the configured
// ones first. A refresh cookie that net/http would drop is dropped. An empty
// value counts as absent.
//
// Where the configured names begin with __Host- or __Secure-, other names are
// read only if none of these came. Otherwise any host that can set a cookie for
// the site could override them.
//
// Names that occur more than once, as after a change of Domain or Path, are
// paired in their order.
func (c *Codec) Read(r *http.Request) *Presented {
	// The compiler inlines this function, so that p stays on the stack of most
	// callers.
	p := &Presented{codec: c}
	p.read(r)
	return p
}

func (p *Presented) read(r *http.Request) {
	c := p.codec
	c.parse(r.Header["Cookie"], &p.values)
	p.Material.Incomplete, p.Material.RefusedAt = p.values.incomplete, p.refusedAt()
	empty := true
	for i := range c.nameSets {
		set := &c.nameSets[i]
		if i > 0 && c.hasPrefix && !empty {
			break
		}
		jwts, refreshes := p.values.countOf(set.jwt), p.values.countOf(set.refresh)
		if jwts == 0 && p.ownedByOther(set) {
			continue
		}
		for n := range max(jwts, refreshes) {
			pair := session.Pair{
				JWT:          p.values.nth(set.jwt, n),
				RefreshToken: p.values.nth(set.refresh, n),
			}
			if empty {
				p.Material.JWT, p.Material.RefreshToken = pair.JWT, pair.RefreshToken
				empty = false
			} else {
				p.Material.Others = append(p.Material.Others, pair)
			}
		}
		if jwts+refreshes == p.values.count {
			break // no other name came
		}
	}
}

// ownedByOther reports whether the refresh cookie of a set without a JWT cookie
// belongs to another name set, which uses the same name for it.
func (p *Presented) ownedByOther(set *nameSet) bool {
	sets := p.codec.nameSets
	for i := range sets {
		if sets[i].refresh == set.refresh && p.values.countOf(sets[i].jwt) > 0 {
			return true
		}
	}
	// Without any JWT cookie the first set with that name owns it.
	for i := range sets {
		if sets[i].refresh == set.refresh {
			return &sets[i] != set
		}
	}
	return false
}

// parse collects the session cookies in the lines of a Cookie header, by the rules
// of (*http.Request).CookiesNamed, in one pass. It allocates only for more session
// cookies than a typical request has. The bytes of a JWT are not checked: its
// verification accepts only base64url.
func (c *Codec) parse(lines []string, values *cookieValues) {
	cookies := len(lines)
	for _, line := range lines {
		for line != "" {
			part := line
			if end := strings.IndexByte(line, ';'); end >= 0 {
				part, line = line[:end], line[end+1:]
				cookies++
			} else {
				line = ""
			}
			part = textproto.TrimString(part)
			name := c.matchName(part)
			if name < 0 {
				continue
			}
			value, hasValue := strings.CutPrefix(textproto.TrimString(part[len(c.names[name].name):]), "=")
			value = unquote(value)
			if !hasValue || value == "" || c.names[name].kind == refreshCookie && !validValue(value) {
				continue
			}
			values.add(c.names[name].kind, cookieValue{name, session.NewSecret(value)})
		}
	}
	if cookies > maxCookies { // net/http drops all of them
		*values = cookieValues{}
	}
}

// matchName returns the index in c.names of the name of a cookie, or -1. A name
// ends at an equals sign, or at the space before one, which net/http trims.
func (c *Codec) matchName(part string) int {
	for i := range c.names {
		name := c.names[i].name
		if n := len(name); len(part) > n && (part[n] == '=' || part[n] <= ' ') && part[:n] == name {
			return i
		}
	}
	return -1
}

// unquote removes the quotes around a value.
func unquote(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// validValue reports whether net/http and browsers accept the bytes of a value.
// The caller has cut the value at semicolons.
func validValue(value string) bool {
	for i := range len(value) {
		if !validBytes[value[i]] {
			return false
		}
	}
	return true
}

// validBytes are the bytes of a value: printable ASCII without quotes and
// backslashes (RFC 6265bis §4.1.1 and the space).
var validBytes = func() (valid [256]bool) {
	for b := byte(' '); b < 0x7f; b++ {
		valid[b] = b != '"' && b != '\\'
	}
	return valid
}()
