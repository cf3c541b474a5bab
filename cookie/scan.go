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
	count := 0
	for _, line := range lines {
		count += strings.Count(line, ";") + 1
	}
	if count > maxCookies {
		return
	}
	for _, line := range lines {
		for len(line) > 0 {
			var part string
			part, line, _ = strings.Cut(line, ";")
			name, value, _ := strings.Cut(textproto.TrimString(part), "=")
			i := c.index(textproto.TrimString(name))
			if i < 0 {
				continue
			}
			if value, ok := plainValue(value); ok && value != "" && found[i].count < maxValues {
				found[i].value[found[i].count] = value
				found[i].count++
			}
		}
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

// plainValue takes quotes away and reports whether the rest is a value that
// net/http lets through.
func plainValue(value string) (string, bool) {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return value, plainBytes(value)
}

// plainBytes reports whether net/http reads and writes value as it is. Tokens
// are long, so eight bytes are looked at together: no step below carries from
// one byte into the next as long as no byte has its high bit set, which is
// the first thing to be ruled out.
func plainBytes(value string) bool {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	// zero sets the high bit of each byte of x that is zero, x being below
	// 0x80 in every byte.
	zero := func(x uint64) uint64 { return ^(x + 0x7f*low) & high }
	for ; len(value) >= 8; value = value[8:] {
		x := uint64(value[0]) | uint64(value[1])<<8 | uint64(value[2])<<16 | uint64(value[3])<<24 |
			uint64(value[4])<<32 | uint64(value[5])<<40 | uint64(value[6])<<48 | uint64(value[7])<<56
		control := ^(x + 0x60*low) // high bit: below 0x20
		if x&high != 0 || (control|zero(x^'"'*low)|zero(x^';'*low)|zero(x^'\\'*low)|zero(x^0x7f*low))&high != 0 {
			return false
		}
	}
	for i := range len(value) {
		if b := value[i]; b < 0x20 || b >= 0x7f || b == '"' || b == ';' || b == '\\' {
			return false
		}
	}
	return true
}
