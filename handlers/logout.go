package handlers

import (
	"mime"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// Logout returns the handler of the documented logout. It always clears the
// cookies, also when upstream cannot be told; an event reports that. Upstream
// is asked for session.Config.LogoutPatience (3 s) at the most.
//
// The refresh token comes from the cookies, and from the member refresh of a
// JSON body, if there is one. A body of another kind is ignored unread. The
// answer is 204, or, to a form post, a redirect to Config.AfterLogout.
//
// In a handler of your own that is not a POST call
// Manager.Logout(ctx, cookies.Read(r), session.Secret{}) and Codec.Clear(w, r):
// Logout answers 405 there.
//
// It panics, when it is wired, if sessions or cookies is nil, or AfterLogout
// is not a path on this host.
func Logout(sessions *session.Manager, cookies *cookie.Codec, config Config) http.HandlerFunc {
	return newEndpoint("Logout", sessions, cookies, config).logout
}

func (e *endpoint) logout(w http.ResponseWriter, r *http.Request) {
	if !e.admit(w, r) {
		return
	}
	var token session.Secret
	if isJSON(r) {
		var failure *requestError
		if token, failure = readToken(w, r); failure != nil {
			e.notify(r, failure) // the cookies are enough to log out with
		}
	}
	err := e.sessions.Logout(r.Context(), e.cookies.Read(r), token)
	e.cookies.Clear(w, r)
	if err != nil {
		e.notify(r, err)
	}
	if e.config.AfterLogout != nil && isForm(r) {
		http.Redirect(w, r, e.config.AfterLogout.String(), http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// isForm reports whether r was sent by an HTML form.
func isForm(r *http.Request) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "application/x-www-form-urlencoded" || mediaType == "multipart/form-data"
}
