package handlers

import (
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// Refresh returns the handler of the documented refresh route,
// handleCustomRefresh: POST, JSON, the refresh token in the member refresh of
// the body, else in the cookie. It serves Crossmint's browser client as it
// is: set its refreshRoute to where this is mounted.
//
//	200  {"jwt","refreshToken":{"secret","expiresAt"},"user"}, cookies set
//	200  {"jwt","user":{"id"}} while upstream is unavailable and the JWT of
//	     the request still holds; with "stale":true by session.Config.StaleFor
//	401  {"error","message"}, cookies cleared if upstream has refused them
//	503  {"error","message"} with Retry-After, cookies kept
//
// It tries for session.Config.RefreshBudget (8 s): a server's WriteTimeout
// must be longer. It panics, when it is wired, if sessions or cookies is nil.
func Refresh(sessions *session.Manager, cookies *cookie.Codec, config Config) http.HandlerFunc {
	return newEndpoint("Refresh", sessions, cookies, config).refresh
}

func (e *endpoint) refresh(w http.ResponseWriter, r *http.Request) {
	if !e.admit(w, r) {
		return
	}
	token, failure := readToken(w, r)
	if failure != nil {
		e.fail(w, r, failure)
		return
	}
	result, err := e.sessions.Refresh(r.Context(), e.cookies.Read(r), token)
	result, err = e.cookies.Apply(w, r, result, err)
	if err != nil {
		e.notify(r, err)
		reply.RetryAfter(w, err)
		reply.Error(w, err)
		return
	}
	reply.JSON(w, http.StatusOK, e.answer(result))
}

// refreshed is the body of a successful answer. Members are texts, not
// session.Secret, because this is the one place that shows them.
type refreshed struct {
	JWT          string        `json:"jwt"`
	RefreshToken *refreshToken `json:"refreshToken,omitempty"`
	User         session.User  `json:"user"`
	Stale        bool          `json:"stale,omitempty"`
}

type refreshToken struct {
	Secret    string `json:"secret"`
	ExpiresAt string `json:"expiresAt"`
}

func (e *endpoint) answer(result session.Result) refreshed {
	s := result.Session
	body := refreshed{JWT: s.JWT.Reveal(), User: session.User{ID: s.UserID}, Stale: result.Stale}
	if result.Renewed != nil {
		g := result.Renewed.Grant
		body.User = g.User
		if !e.config.OmitRefreshSecret {
			body.RefreshToken = &refreshToken{g.RefreshToken.Secret.Reveal(), g.RefreshToken.ExpiresAtText}
		}
	}
	return body
}
