package reply

import (
	"net/url"
	"strings"
)

// LocalPath reports whether u is a path on the same host, with or without a
// query, in a form that every browser reads so. Browsers read "//e" and "/\e" as
// another host, and they remove tabs and line breaks before they parse.
func LocalPath(u *url.URL) bool {
	if u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || u.Fragment != "" {
		return false
	}
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return false
	}
	return !strings.ContainsFunc(u.Path+u.RawQuery, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == '\\'
	})
}
