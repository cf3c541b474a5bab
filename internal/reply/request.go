package reply

import (
	"crypto/tls"
	"net/http"
	"strings"
)

// IsNavigation reports whether r opens a page, rather than coming from a script.
// Fetch metadata tells that; for older browsers, and over plain http, Accept does, unless
// a library such as jQuery tells that it loads a part of a page. The destination of a
// download (<a download>) is empty: its response becomes a file. So is that of a
// navigation which a service worker has passed on (fetch(event.request)), and in
// Firefox its mode is same-origin; but only navigations upgrade insecure requests.
func IsNavigation(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	switch {
	case mode == "":
		return strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("X-Requested-With") != "XMLHttpRequest"
	case r.Header.Get("Sec-Fetch-Dest") == "empty":
		return r.Header.Get("Upgrade-Insecure-Requests") == "1"
	}
	return mode == "navigate"
}

// IsEarlyData reports whether r came in TLS early data: an intermediary says so
// (RFC 8470 §5.1, where any value counts), or the handshake of this server is not
// complete, as in HTTP/3.
func IsEarlyData(r *http.Request) bool {
	if len(r.Header["Early-Data"]) > 0 {
		return true
	}
	return r.TLS != nil && r.TLS.Version >= tls.VersionTLS13 && !r.TLS.HandshakeComplete
}
