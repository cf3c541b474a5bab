package handlers

import (
	"errors"
	"mime"
	"net/http"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
)

// Logout returns the handler of Crossmint's documented logout. It clears the
// cookies, except those of another project (session.ErrOtherProject). If upstream
// does not revoke the tokens within session.Config.LogoutTimeout (3 s), the session
// manager reports an event.
//
// Logout revokes the refresh tokens of the cookies and the one in the member
// refresh of a JSON body, if there is one. It does not read bodies of other
// types. The response is 204, or for form posts a redirect to Config.AfterLogout.
//
// The response to a browser with a session has Clear-Site-Data: "cache": the Back
// button shows none of the pages that the browser keeps in memory. That does not
// hold for the page on which the user signs out, nor in WebKitGTK for the redirect:
// pages with personal data need Cache-Control: no-store.
//
// Logout responds with 405 to other methods than POST. To log out in a handler of
// your own for another method, call Manager.Logout(ctx, cookies.Read(r).Material,
// session.Secret{}) and, unless its error is session.ErrOtherProject,
// Codec.Clear(w, r).
//
// Logout panics if sessions or cookies is nil, or if AfterLogout is not a path on
// this host.
func Logout(sessions *session.Manager, cookies *cookie.Codec, config Config) http.HandlerFunc {
	return newEndpoint("Logout", sessions, cookies, config).logout
}

func (e *endpoint) logout(w http.ResponseWriter, r *http.Request) {
	if !e.checkRequest(w, r) {
		return
	}
	var token session.Secret
	if hasMediaType(r, jsonType) {
		var requestErr *requestError
		if token, requestErr = readToken(w, r); requestErr != nil {
			e.reportError(r, requestErr) // the cookies still log the user out
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	material := e.cookies.Read(r).Material
	err := e.sessions.Logout(r.Context(), material, token)
	if !errors.Is(err, session.ErrOtherProject) {
		e.cookies.Clear(w, r)
		evictPages(w, &material)
	}
	if err != nil {
		e.reportError(r, err)
	}
	if e.config.AfterLogout != nil && isFormPost(r) {
		http.Redirect(w, r, e.config.AfterLogout.String(), http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// evictPages makes the browser drop the pages that it has cached, also those that
// the Back button would show. Chromium looks through its whole cache for that before
// it reads the response. So a browser without a session is left alone: Crossmint's
// browser client logs out on every page view without one.
func evictPages(w http.ResponseWriter, material *session.Material) {
	if !material.JWT.IsZero() || !material.RefreshToken.IsZero() {
		w.Header().Add("Clear-Site-Data", `"cache"`)
	}
}

// isFormPost reports whether an HTML form sent r.
func isFormPost(r *http.Request) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == formType || mediaType == "multipart/form-data"
}
