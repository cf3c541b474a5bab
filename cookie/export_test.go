package cookie

// Scan returns what scan finds in the lines of a Cookie header, by name.
func (c *Codec) Scan(lines []string) map[string][]string {
	var found found
	c.scan(lines, &found)
	values := map[string][]string{}
	for i, name := range c.names {
		values[name] = append([]string(nil), found[i].value[:found[i].count]...)
	}
	return values
}

// UsualPair returns the pair of a usual request, the JWT's bytes unchecked.
func (c *Codec) UsualPair(lines []string) (jwt, refresh string, ok bool) { return c.usualPair(lines) }

// ScanOnly scans and drops the result.
func (c *Codec) ScanOnly(lines []string) {
	var found found
	c.scan(lines, &found)
}

// Bounds of the scanner.
const (
	MaxValues  = maxValues
	MaxCookies = maxCookies
)

// Plain is what decides whether a value is dropped.
func Plain(value string) bool { return plain(value) }
