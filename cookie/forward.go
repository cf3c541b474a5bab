package cookie

import (
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// Forward puts the session in the context of an outgoing request into its cookies,
// for a backend that reads the same cookies. For example
//
//	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
//		pr.SetURL(backend)
//		cookies.Forward(pr.Out)
//	}}
//
// Forward replaces the session cookies that the browser sent: after a silent
// refresh these are used up, and a backend that refreshed them again would end
// the session. Without a session in the context it removes them. Other cookies
// stay.
func (c *Codec) Forward(out *http.Request) {
	var kept []string
	for _, line := range out.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			if part = strings.TrimSpace(part); part != "" && c.matchName(part) < 0 {
				kept = append(kept, part)
			}
		}
	}
	if s, ok := session.FromContext(out.Context()); ok {
		primary := c.primary()
		kept = append(kept, c.names[primary.jwt].name+"="+s.JWT.Reveal())
		if !s.RefreshToken.Secret.IsZero() {
			kept = append(kept, c.names[primary.refresh].name+"="+s.RefreshToken.Secret.Reveal())
		}
	}
	if len(kept) == 0 {
		out.Header.Del("Cookie")
		return
	}
	out.Header["Cookie"] = []string{strings.Join(kept, "; ")}
}
