package middleware

import (
	"net/http"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// SetUserHeader sets a header of an outgoing request to the user ID of the session
// in its context, for a backend that trusts this header. It is for the Rewrite
// function of an httputil.ReverseProxy. A value from the client never passes, also
// not without a session, and also not under a name that a backend may take for the
// same: some replace "-" by "_".
func SetUserHeader(out *http.Request, name string) {
	normalize := func(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
	for sent := range out.Header {
		if normalize(sent) == normalize(name) {
			delete(out.Header, sent)
		}
	}
	if s, ok := session.FromContext(out.Context()); ok {
		out.Header.Set(name, s.UserID)
	}
}
