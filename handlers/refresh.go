package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/delivery"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// Refresh returns the handler of Crossmint's documented refresh route,
// handleCustomRefresh. It takes a POST with the refresh token in the member
// refresh of a JSON body, or else in the cookie. It works with Crossmint's
// browser client: set the client's refreshRoute to the path of this handler.
//
//	200  {"jwt","refreshToken":{"secret","expiresAt"},"user"}, cookies set
//	200  {"jwt","user":{"id"}}: upstream is unavailable, and the request's JWT is
//	     still valid; with "stale":true if session.Config.StaleFor extends it
//	307  after a second, once: upstream has refused the cookies' token, but the
//	     browser may have a newer one by now
//	401  {"error","message"}, cookies cleared if upstream has refused them again
//	     after more than an hour
//	425  {"error","message"}: the request came in TLS early data, which others can
//	     send again (RFC 8470); browsers send it again after the handshake
//	503  {"error","message"} with Retry-After, cookies kept; or
//	     Config.UnavailableStatus
//
// The body may take 5 s to arrive, and the refresh takes up to
// session.Config.RefreshBudget (8 s), so a server's WriteTimeout must be longer
// than the sum. Refresh panics if sessions or cookies is nil.
func Refresh(sessions *session.Manager, cookies *cookie.Codec, config Config) http.HandlerFunc {
	return newEndpoint("Refresh", sessions, cookies, config).refresh
}

func (e *endpoint) refresh(w http.ResponseWriter, r *http.Request) {
	if !e.checkRequest(w, r) {
		return
	}
	e.warnings.WriteTimeout(r, "session.Config.RefreshBudget", func(h session.Health) time.Duration { return h.RefreshBudget })
	if reply.IsEarlyData(r) {
		e.writeStatus(w, r, &requestError{http.StatusTooEarly, errEarlyData})
		return
	}
	token, requestErr := readToken(w, r)
	if requestErr != nil {
		e.writeStatus(w, r, requestErr)
		return
	}
	result, isOwn, err := e.renew(w, r, token)
	if err != nil {
		if reply.AskAgain(w, r, err) {
			return
		}
		e.reportError(r, err)
		err = reply.WithUnavailableStatus(err, e.config.UnavailableStatus)
		reply.RetryAfter(w, err)
		reply.Error(w, r, err)
		return
	}
	reply.JSON(w, http.StatusOK, e.newRefreshResponse(result))
	if isOwn && result.Renewed != nil {
		result.Renewed.Delivered(r.Context(), delivery.Lost(r.Context(), result.Renewed.StartedAt))
	}
}

var errEarlyData = errors.New("the request came in TLS early data")

// renew refreshes the session and writes its cookies. Inside a middleware that has
// renewed the session already, or to which upstream has refused it, its outcome
// counts and its cookies are on their way; then isOwn is false.
func (e *endpoint) renew(w http.ResponseWriter, r *http.Request, token session.Secret) (result session.Result, isOwn bool, err error) {
	if token.IsZero() {
		outer, outerErr, ok := e.sessions.Resume(r.Context(), false)
		if ok && (outer.Renewed != nil || isRefusal(outerErr)) {
			return outer, false, outerErr
		}
	}
	presented := e.cookies.Read(r)
	result, err = e.sessions.Refresh(r.Context(), presented.Material, token)
	return result, true, e.applyCookies(w, r, presented, result, err)
}

// isRefusal reports whether upstream has refused the cookies' tokens.
func isRefusal(err error) bool {
	var rejected *session.AuthenticationError
	return errors.As(err, &rejected) && rejected.Refused || reply.IsFirstRefusal(err)
}

// applyCookies writes the decision of the manager to the browser's cookies. It
// returns err, or the reason why the session cannot be stored.
func (e *endpoint) applyCookies(w http.ResponseWriter, r *http.Request, presented *cookie.Presented, result session.Result, err error) error {
	if checkErr := result.Check(); checkErr != nil {
		if result.Renewed != nil {
			result.Renewed.Delivered(r.Context(), checkErr)
		}
		switch {
		case err != nil: // the cookies stay
			return err
		case errors.Is(checkErr, session.ErrUnavailable):
			return checkErr // the next try brings later cookies
		}
		return &session.AuthenticationError{Message: "Session is not valid", Err: checkErr}
	}
	applyErr := presented.Apply(w, result, err)
	switch {
	case err == nil && applyErr != nil:
		result.Renewed.Delivered(r.Context(), applyErr)
	case result.Renewed != nil:
		delivery.WarnLarge(r.Context(), w.Header())
		e.warnings.PlainHTTP(r, w.Header())
		if result.Renewed.Used == (session.Pair{}) {
			dropSpeculativePages(w)
		}
	}
	return applyErr
}

// dropSpeculativePages makes the browser drop the pages that it has fetched or rendered
// in advance: they belong to the visitor before a sign-in. Chromium knows these values;
// other browsers ignore them.
func dropSpeculativePages(w http.ResponseWriter) {
	w.Header().Add("Clear-Site-Data", `"prefetchCache", "prerenderCache"`)
}

// refreshResponse is the body of a successful response. Its tokens are strings,
// not session.Secret, because the page must be able to read them.
type refreshResponse struct {
	JWT          string        `json:"jwt"`
	RefreshToken *refreshToken `json:"refreshToken,omitempty"`
	User         any           `json:"user"`
	Stale        bool          `json:"stale,omitempty"`
}

type refreshToken struct {
	Secret    string `json:"secret"`
	ExpiresAt string `json:"expiresAt"`
}

func (e *endpoint) newRefreshResponse(result session.Result) refreshResponse {
	s := result.Session
	response := refreshResponse{JWT: s.JWT.Reveal(), User: session.User{ID: s.UserID}, Stale: result.Stale}
	if result.Renewed == nil {
		return response
	}
	grant := result.Renewed.Grant
	if response.User = grant.User; grant.User.JSON != nil {
		response.User = grant.User.JSON // with the members that this package does not know
	}
	if !e.config.OmitRefreshSecret {
		response.RefreshToken = &refreshToken{
			Secret:    grant.RefreshToken.Secret.Reveal(),
			ExpiresAt: grant.RefreshToken.ExpiresAt,
		}
	}
	return response
}
