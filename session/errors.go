package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sentinels for errors.Is. The first group tells why a request is not
// authenticated; these errors come wrapped in an [*AuthenticationError].
var (
	// ErrNoMaterial: the request carries neither a JWT nor a refresh token.
	ErrNoMaterial = errors.New("no cookies found in request")
	// ErrJWTInvalid: the JWT is malformed, badly signed, for another project,
	// or denied because its user logged out (then it is also [ErrLoggedOut]).
	ErrJWTInvalid = errors.New("JWT invalid")
	// ErrJWTExpired: the JWT is correctly signed and has expired.
	ErrJWTExpired = errors.New("JWT expired")
	// ErrJWTKeyUnknown: no key that upstream publishes fits the JWT. The JWT is
	// also [ErrJWTInvalid]. If it came from upstream, the refresh token beside it
	// may still work: a key rotation can come in between.
	ErrJWTKeyUnknown = errors.New("JWT's key unknown")
	// ErrOtherProject: the JWT names another project. Its pair does not belong
	// to this program: its refresh token is not sent, its cookies stay.
	ErrOtherProject = errors.New("JWT of another project")
	// ErrLoggedOut: the user logged out with this token or with one that was
	// exchanged for it, or signed in anew in the same browser.
	ErrLoggedOut = errors.New("logged out")
)

// errRefreshTokenMissing: there is no refresh token, or one longer than 2 KiB.
var errRefreshTokenMissing = errors.New("refresh token not found")

// The second group tells how a call to upstream failed; these errors come
// wrapped in an [*UpstreamError].
var (
	// ErrRefused: upstream definitely rejects the token.
	ErrRefused = errors.New("refused by upstream")
	// ErrUnavailable: there is no decision now. It is never an authentication
	// failure: try again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrMalformed: upstream sent an unexpected response. The error is also
	// [ErrUnavailable].
	ErrMalformed = errors.New("malformed response from upstream")
)

// An AuthenticationError tells that a request is not authenticated. It is the
// documented CrossmintAuthenticationError; errors.As finds it in every error
// that becomes a 401.
type AuthenticationError struct {
	// Message may be shown to the browser. It tells nothing about the token.
	Message string
	// Refused reports that upstream has definitely rejected every refresh token
	// of the request's cookies. The browser keeps them, with a marker that holds
	// the time of the first refusal; see [Material.RefusedAt].
	Refused bool
	// Clear reports that the cookies have to be deleted: upstream has refused
	// their tokens twice, with more than an hour in between.
	Clear bool
	// Err is the cause. It is for logs, not for browsers: it may name claims
	// and keys. It holds no secrets.
	Err error
}

// Messages that browsers see, as documented.
const (
	messageNoMaterial   = "No cookies found in request"
	messageNoRefresh    = "Refresh token not found"
	messageNoTokenAtAll = "Please provide a refresh token either in the request body or cookies"
	messageNotValid     = "Session is not valid"
)

func notAuthenticated(message string, cause error) *AuthenticationError {
	return &AuthenticationError{Message: message, Err: cause}
}

func (e *AuthenticationError) Error() string {
	if e.Err == nil {
		return "session: " + e.Message
	}
	return "session: not authenticated: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *AuthenticationError) Unwrap() error { return e.Err }

// An UpstreamError is a failed call to upstream. The code that made the call
// classifies it, once.
type UpstreamError struct {
	// Kind is ErrRefused, ErrMalformed or ErrUnavailable. Nil means
	// ErrUnavailable: an error without a classification rejects nothing.
	Kind error
	// Op names the call, for example "refresh".
	Op string
	// Status is the HTTP status, 0 where no complete response arrived.
	Status int
	// NotSent reports that no byte of the request left this process, for
	// example because a DNS lookup, a dial or a TLS handshake failed.
	NotSent bool
	// Incomplete reports that the request was sent and the response was cut
	// off. An error that is neither NotSent nor Incomplete and has no Status is
	// a timeout.
	Incomplete bool
	// RetryAfter is the delay that upstream asks for, within 1 to 60 s; 0
	// without one.
	RetryAfter time.Duration
	// Uncertain marks a refusal that says nothing about the session, and never
	// leads to the deletion of cookies. For example, the token is known to be
	// used, or a router in front of upstream has responded with 404.
	Uncertain bool
	// AskAgain marks the first refusal of the cookies' tokens. Another process
	// may have refreshed the session a moment ago, so the browser should send
	// the request again after RetryAfter, with the cookies that it has then.
	AskAgain bool
	// TooEarly reports that the session needs a refresh, and the request came in
	// TLS early data: the client has to send it again after the handshake.
	TooEarly bool
	// APIKeyRejected reports that upstream rejects the API key, whatever the
	// token: it has responded with a JSON object and 403, or 401 to a call that
	// has no token. Kind is ErrUnavailable.
	APIKeyRejected bool
	// Err is the cause. It holds no text from upstream.
	Err error
}

func (e *UpstreamError) Error() string {
	text := "session: upstream"
	if e.Op != "" {
		text += " " + e.Op
	}
	text += ": " + e.kind().Error()
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *UpstreamError) kind() error {
	if e.Kind == nil {
		return ErrUnavailable
	}
	return e.Kind
}

// Unwrap returns the Kind and the cause. An error that is not a refusal leaves the
// state of the session open, and is therefore also ErrUnavailable.
func (e *UpstreamError) Unwrap() []error {
	errs := []error{e.kind()}
	if e.Kind == ErrMalformed { //nolint:errorlint // Kind is one of three sentinels
		errs = append(errs, ErrUnavailable)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// retryable reports whether a call failed in a way that may pass, and that
// another try cannot make worse: nothing was sent, the signing keys could not be
// fetched, or upstream responded that it is overloaded.
func (e *UpstreamError) retryable() bool {
	return e.kind() == ErrUnavailable && (e.NotSent || e.Op == opKeys || e.Status == 429 || e.Status >= 500) //nolint:errorlint // Kind is one of three sentinels
}

// opKeys is the UpstreamError.Op of a fetch of signing keys.
const opKeys = "keys"

// hasKind reports whether err is a failed upstream call of the given kind. It
// looks at the call itself and not at its causes.
func hasKind(err, kind error) bool {
	if err == nil {
		return false
	}
	var up *UpstreamError
	return errors.As(err, &up) && up.kind() == kind //nolint:errorlint // Kind is one of three sentinels
}

func unavailable(op string, cause error) *UpstreamError {
	return &UpstreamError{Kind: ErrUnavailable, Op: op, Err: cause}
}

// errOverloaded reports that a bound of this process is reached.
func errOverloaded(op, reason string) error {
	return &UpstreamError{Kind: ErrUnavailable, Op: op, RetryAfter: time.Second, Err: errors.New(reason)}
}

// timeoutError converts the end of ctx into an UpstreamError. Other errors
// stay as they are.
func timeoutError(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return unavailable("refresh", fmt.Errorf("still refreshing: %w", ctx.Err()))
}

// jwtUnusable reports whether the JWT of a cached grant is of no use any more
// while its refresh token works: its key is unknown, or it has expired.
func jwtUnusable(err error) bool {
	return errors.Is(err, ErrJWTKeyUnknown) || errors.Is(err, ErrJWTExpired)
}
