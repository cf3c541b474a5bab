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
		// Few lines have any of these, and the two searches are fast: where
		// there is none, no value has to be searched for them.
		odd := strings.IndexByte(line, '"') >= 0 || strings.IndexByte(line, '\\') >= 0
		for len(line) > 0 {
			var part string
			var more bool
			if part, line, more = strings.Cut(line, ";"); more {
				count++
			}
			name, value, _ := strings.Cut(textproto.TrimString(part), "=")
			i := c.index(textproto.TrimString(name))
			if i < 0 {
				continue
			}
			if odd {
				value = plainValue(value)
			}
			if value != "" && printable(value) && found[i].count < maxValues {
				found[i].value[found[i].count] = value
				found[i].count++
			}
		}
	}
	if count > maxCookies {
		clear(found[:])
	}
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
// net/http would drop the cookie for a quote or a backslash in it.
func plainValue(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if strings.ContainsAny(value, `"\`) {
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
