package cookie

// Bounds of the parser.
const (
	MaxValuesPerName = maxValuesPerName
	MaxCookies       = maxCookies
	MaxMarkers       = maxMarkers
)

// Parse returns the values that the parser finds in the lines of a Cookie
// header, for each known name.
func (c *Codec) Parse(lines []string) map[string][]string {
	var found cookieValues
	c.parse(lines, &found)
	values := map[string][]string{}
	for _, name := range c.names {
		if name.kind != markerCookie {
			values[name.name] = nil
		}
	}
	for i := range found.count {
		value := found.at(i)
		name := c.names[value.name].name
		values[name] = append(values[name], value.value.Reveal())
	}
	return values
}

// IsJWT reports whether name is the name of a JWT cookie.
func (c *Codec) IsJWT(name string) bool {
	for _, known := range c.names {
		if known.name == name {
			return known.kind == jwtCookie
		}
	}
	return false
}

// ValidValue is the check of refresh cookies.
func ValidValue(value string) bool { return validValue(value) }

// DocumentedNames are the names of the documentation.
func DocumentedNames() Names { return documented() }
