package handlers

// ErrLimited is the cause of error=limit.
var ErrLimited = errLimited

// MaxNames is how many names each limit of a SignIn counts at once.
const MaxNames = maxNames

// ParseToken returns the refresh token in the body, as a string.
func ParseToken(body []byte) (string, error) {
	token, err := parseToken(body)
	return token.Reveal(), err
}
