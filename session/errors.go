package session

import (
	"errors"
	"fmt"
	"time"
)

// Sentinels for errors.Is. The first group says why a request is not
// authenticated and comes wrapped in an [*AuthenticationError]; the second
// group says how a call to upstream failed and comes wrapped in an
// [*UpstreamError].
var (
	// ErrNoMaterial: the request carries neither a JWT nor a refresh token.
	ErrNoMaterial = errors.New("no cookies found in request")
	// ErrRefreshTokenMissing: there is no (usable) refresh token.
	ErrRefreshTokenMissing = errors.New("refresh token not found")
	// ErrJWTInvalid: the JWT is false: ill-formed, badly signed, for another
	// project, or denied since its user logged out (then also [ErrLoggedOut]).
	ErrJWTInvalid = errors.New("JWT invalid")
	// ErrJWTExpired: the JWT is correctly signed and past its time.
	ErrJWTExpired = errors.New("JWT expired")
	// ErrJWTKeyUnknown: no key that upstream publishes fits the JWT. Such a
	// JWT is invalid, too; but in an answer of upstream's the refresh token
	// beside it may live: a rotation of keys can come in between.
	ErrJWTKeyUnknown = errors.New("JWT's key unknown")
	// ErrJWTNotYet: the JWT is correctly signed and its time has not come.
	ErrJWTNotYet = errors.New("JWT not valid yet")
	// ErrLoggedOut: the user logged out with this token or with one that led
	// to it.
	ErrLoggedOut = errors.New("logged out")

	// ErrRefused: upstream knows the answer, and it is no.
	ErrRefused = errors.New("refused by upstream")
	// ErrUnavailable: nobody can tell now. It is never an authentication
	// failure: try again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrMalformed: upstream answered something that is not an answer.
	// It matches ErrUnavailable, too.
	ErrMalformed = errors.New("malformed answer from upstream")
)

// An AuthenticationError says that a request is not authenticated: the
// documented CrossmintAuthenticationError, found by errors.As in every error
// that stands for a 401.
type AuthenticationError struct {
	// Message may be shown to the browser. It tells nothing about the token.
	Message string
	// Clear reports whether the cookies are to be cleared: upstream has
	// definitely refused every refresh token that the request brought.
	Clear bool
	// Err is the cause. It may name claims and keys, never secrets; it is
	// for logs, not for browsers.
	Err error
}

// Messages that browsers see, by the documentation.
const (
	messageNoMaterial   = "No cookies found in request"
	messageNoRefresh    = "Refresh token not found"
	messageNoTokenAtAll = "Please provide a refresh token either in the request body or cookies"
	messageNotValid     = "Session is not valid"
)

func (e *AuthenticationError) Error() string {
	if e.Err == nil {
		return "session: " + e.Message
	}
	return "session: not authenticated: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *AuthenticationError) Unwrap() error { return e.Err }

// Kind classifies a failed call to upstream.
type Kind uint8

const (
	// Unavailable: no answer, or one that says nothing about the token.
	// It is the zero value: what nobody classified refuses nothing.
	Unavailable Kind = iota
	// Malformed: an answer of the right status with a wrong content.
	Malformed
	// Refused: a definite no.
	Refused
)

// Delivery tells how far a failed call to upstream got: what decides
// whether trying again can do harm.
type Delivery uint8

const (
	// Answered: a complete answer arrived. The zero value is the one that
	// is never tried again.
	Answered Delivery = iota
	// NotSent: no byte of the request left (DNS, dial, TLS).
	NotSent
	// CutOff: the request was sent, the answer did not arrive in full.
	CutOff
	// TimedOut: our own patience ended.
	TimedOut
)

// An UpstreamError is a failed call to upstream, classified once by whoever
// made the call. It matches [ErrRefused], [ErrUnavailable] or [ErrMalformed]
// according to its Kind.
type UpstreamError struct {
	Kind     Kind
	Delivery Delivery
	// Op names the call, for example "refresh".
	Op string
	// Status is the HTTP status, 0 where no answer arrived.
	Status int
	// RetryAfter is upstream's wish, clamped to 1–60 s; 0 without one.
	RetryAfter time.Duration
	// Doubtful marks a refusal that must not clear cookies: it was learnt
	// while the API key was in doubt, or while the store of a fleet was.
	Doubtful bool
	// Err is the cause. It holds no text of upstream's.
	Err error
}

func (e *UpstreamError) Error() string {
	text := "session: upstream"
	if e.Op != "" {
		text += " " + e.Op
	}
	text += ": " + e.sentinel().Error()
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *UpstreamError) sentinel() error {
	switch e.Kind {
	case Refused:
		return ErrRefused
	case Malformed:
		return ErrMalformed
	default:
		return ErrUnavailable
	}
}

// Is matches the sentinel of e's Kind. Whatever is not a refusal leaves the
// user's session in the dark and is therefore ErrUnavailable, too.
func (e *UpstreamError) Is(target error) bool {
	return target == e.sentinel() || target == ErrUnavailable && e.Kind != Refused
}

// Unwrap returns the cause.
func (e *UpstreamError) Unwrap() error { return e.Err }

// failed reports whether err is a failed call of the given kind: by the call
// itself, whatever its causes say.
func failed(err error, kind Kind) bool {
	var up *UpstreamError
	return errors.As(err, &up) && up.Kind == kind
}

// RetryAfter returns how long a caller that got err should wait before it
// tries again: upstream's wish where there is one, else one second.
func RetryAfter(err error) time.Duration {
	var up *UpstreamError
	if errors.As(err, &up) && up.RetryAfter > 0 {
		return up.RetryAfter
	}
	return time.Second
}
