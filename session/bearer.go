package session

import "strings"

// BearerToken returns the JWT of the values of an Authorization header, or of
// the same in other protocols' metadata (RFC 6750 §2.1), for [Manager.Verify].
// It reports whether there is a bearer token at all; one that is not the only
// authorization gives the zero Secret, since which counts is for nobody to
// guess.
func BearerToken(authorization ...string) (jwt Secret, present bool) {
	for _, value := range authorization {
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		if len(authorization) > 1 {
			token = ""
		}
		return NewSecret(strings.Trim(token, " ")), true
	}
	return Secret{}, false
}
