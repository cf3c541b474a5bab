package handlers

// ParseToken returns the refresh token that parseToken reads.
func ParseToken(body []byte) (string, error) {
	token, err := parseToken(body)
	return token.Reveal(), err
}
