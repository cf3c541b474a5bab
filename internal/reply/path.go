package reply

import (
	"net/url"
	"strings"
)

// LocalPath reports whether u is a path on the same host, with or without a
// query, in a form that every browser reads so. Browsers read "//e" and "/\e" as
// another host, they remove tabs and line breaks before they parse, and a client that
// first removes the dots of "/.//e" gets "//e". No browser sends dot segments.
func LocalPath(u *url.URL) bool {
	if u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || u.Fragment != "" {
		return false
	}
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.ContainsFunc(u.Path+u.RawQuery, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == '\\'
	})
}
