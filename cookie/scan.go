package cookie

import (
	"net/textproto"
	"strings"
)

const (
	// maxNames bounds the distinct names: two per generation and two of the
	// configuration's own.
	maxNames = 8
	// maxValues bounds the values of one name that are looked at; a browser
	// sends two while a Domain or a Path changes.
	maxValues = 8
	// maxCookies is how many cookies net/http takes in one request.
	maxCookies = 3000
)

// found holds the values of each of Codec.names, in the order in which the
// browser sent them: by RFC 6265 §5.4 those with longer paths first.
type found [maxNames]values

type values struct {
	count int
	value [maxValues]string
}

// at returns the i-th value, or the last: a cookie that occurs once goes with
// each of the other's.
func (v *values) at(i int) string {
	if v.count == 0 {
		return ""
	}
	return v.value[min(i, v.count-1)]
}

// scan finds the values of c.names in the lines of a Cookie header. Its
// results are those of net/http's (*Request).CookiesNamed, which makes a
// Cookie of every name that a site has; this one allocates nothing.
func (c *Codec) scan(lines []string, found *found) {
	count := len(lines)
	for _, line := range lines {
		for len(line) > 0 {
			var name, value string
			var more bool
			if name, value, line, more = next(line); more {
				count++
			}
			i := c.index(name)
			if i < 0 || found[i].count == maxValues {
				continue
			}
			if value = plainValue(value); value != "" {
				found[i].value[found[i].count] = value
				found[i].count++
			}
		}
	}
	if count > maxCookies {
		clear(found[:])
	}
}

// usualPair returns what scan finds where that is one configured pair and
// nothing else, as in nearly all requests, but leaves the bytes of the JWT
// unchecked. They are most of the header, and a correct signature vouches for
// them; the manager drops a JWT with other bytes as scan does.
func (c *Codec) usualPair(lines []string) (jwt, refresh string, ok bool) {
	if len(lines) != 1 {
		return "", "", false
	}
	g, count := &c.generations[configured], 0
	for line := lines[0]; len(line) > 0; count++ {
		var name, value string
		name, value, line, _ = next(line)
		switch i := c.index(name); {
		case i < 0:
		case i == g.jwt && jwt == "" && !strings.HasPrefix(value, `"`):
			jwt = value
		case i == g.refresh && refresh == "":
			refresh = plainValue(value)
		default:
			return "", "", false
		}
	}
	return jwt, refresh, jwt != "" && refresh != "" && count < maxCookies
}

// next cuts the first cookie off a line, and reports whether a semicolon
// followed it.
func next(line string) (name, value, rest string, more bool) {
	part := line
	if i := strings.IndexByte(line, ';'); i >= 0 {
		part, rest, more = line[:i], line[i+1:], true
	}
	part = textproto.TrimString(part)
	if i := strings.IndexByte(part, '='); i >= 0 {
		part, value = part[:i], part[i+1:]
	}
	return textproto.TrimString(part), value, rest, more
}

// index returns the index of a name in c.names, or -1.
func (c *Codec) index(name string) int {
	for i := range c.names {
		if c.names[i] == name {
			return i
		}
	}
	return -1
}

// plainValue takes quotes away and returns the rest, or nothing where
// net/http would drop the cookie for its bytes.
func plainValue(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if strings.IndexByte(value, '"') >= 0 || strings.IndexByte(value, '\\') >= 0 || !printable(value) {
		return ""
	}
	return value
}

// plainBytes reports whether net/http reads and writes value as it is.
func plainBytes(value string) bool { return !strings.ContainsAny(value, `"\;`) && printable(value) }

// printable reports whether all bytes are printable ASCII. Tokens are long, so
// eight bytes are looked at together, without a branch for each.
func printable(value string) bool {
	// In a byte below 0x80 neither sum carries into the next one; a byte above
	// is itself a fault, so what it does to its neighbour is no matter.
	const each = 0x0101010101010101
	var above, below uint64 = 0, 0x80 * each // of each byte the high bit counts
	i := 0
	for ; i+8 <= len(value); i += 8 {
		v := value[i : i+8]
		x := uint64(v[0]) | uint64(v[1])<<8 | uint64(v[2])<<16 | uint64(v[3])<<24 |
			uint64(v[4])<<32 | uint64(v[5])<<40 | uint64(v[6])<<48 | uint64(v[7])<<56
		above |= x | (x + each) // set by 0x80 and above, and by 0x7f
		below &= x + 0x60*each  // kept by 0x20 and above
	}
	for ; i < len(value); i++ {
		if value[i] < 0x20 || value[i] >= 0x7f {
			return false
		}
	}
	return above&(0x80*each) == 0 && below == 0x80*each
}
