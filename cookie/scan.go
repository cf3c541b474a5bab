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
		for line != "" {
			part, rest, more := strings.Cut(line, ";")
			if line = rest; more {
				count++
			}
			part = textproto.TrimString(part)
			i := c.named(part)
			if i < 0 || found[i].count == maxValues {
				continue
			}
			value, given := strings.CutPrefix(textproto.TrimString(part[len(c.names[i]):]), "=")
			if value = plainValue(value); given && value != "" {
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
// nothing else, with no more blanks than RFC 6265 §4.2.1 has: nearly always. It
// leaves the bytes of the JWT unchecked: they are most of the header, and a
// correct signature vouches for them; the manager drops a JWT with other bytes
// as scan does.
func (c *Codec) usualPair(lines []string) (jwt, refresh string, ok bool) {
	if len(lines) != 1 {
		return "", "", false
	}
	g, count := &c.generations[configured], 0
	for line := lines[0]; line != ""; count++ {
		part := line
		if i := strings.IndexByte(line, ';'); i >= 0 {
			part, line = line[:i], line[i+1:]
		} else {
			line = ""
		}
		part = strings.TrimPrefix(part, " ")
		if part == "" || part[0] <= ' ' {
			return "", "", false
		}
		i := c.named(part)
		if i < 0 {
			continue
		}
		n := len(c.names[i])
		value := part[n+1:]
		switch {
		case part[n] != '=' || part[len(part)-1] <= ' ':
			return "", "", false
		case i == g.jwt && jwt == "" && value != "" && value[0] != '"':
			jwt = value
		case i == g.refresh && refresh == "" && plain(value):
			refresh = value
		default:
			return "", "", false
		}
	}
	return jwt, refresh, jwt != "" && refresh != "" && count < maxCookies
}

// named returns the index in c.names of the name of a cookie, or -1. It ends at
// an equals sign, or at blanks, which net/http takes away before one.
func (c *Codec) named(part string) int {
	for i, name := range c.names {
		if n := len(name); len(part) > n && (part[n] == '=' || part[n] <= ' ') && part[:n] == name {
			return i
		}
	}
	return -1
}

// plainValue takes quotes away and returns the rest, or nothing where
// net/http would drop the cookie for its bytes.
func plainValue(value string) string {
	if plain(value) {
		return value
	}
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' && plain(value[1:len(value)-1]) {
		return value[1 : len(value)-1]
	}
	return ""
}

// plain reports whether all bytes are printable ASCII, and none a quote or a
// backslash. Tokens are long, so eight bytes are looked at together, without a
// branch for each; the last eight of them overlap those before.
func plain(value string) bool {
	last := len(value) - 8
	if last < 0 {
		x := uint64('x') * each
		for i := range len(value) {
			x = x<<8 | uint64(value[i])
		}
		return faults(x)&(0x80*each) == 0
	}
	found := faults(word(value[last:]))
	for i := 0; i < last; i += 8 {
		found |= faults(word(value[i:]))
	}
	return found&(0x80*each) == 0
}

// each is a word whose eight bytes are 1.
const each = 0x0101010101010101

// faults sets the high bit of each byte in x that is not printable ASCII, or is
// a quote or a backslash. Below 0x80 no sum carries into the next byte, and no
// difference borrows but for a fault; what a fault does to its neighbour is no
// matter.
func faults(x uint64) uint64 {
	return x | (x + each) | ^(x + 0x60*each) | ((x ^ '"'*each) - each) | ((x ^ '\\'*each) - each)
}

// word returns the first eight bytes of text.
func word(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}
