package fleetlab_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
)

// logoutObserver counts the requests that are accepted with cookies whose logout got
// 204. There are two documented reasons. An instance that has not received the logout
// accepts the JWT until it expires. The refresh token works if upstream could not be
// reached, or if the store could not be and another instance has a later token.
// Package lab counts both as wrongful entries.
type logoutObserver struct {
	mu             sync.Mutex // guards all below
	jwts           map[string]bool
	byJWT          int // accepted because of the JWT
	byRefreshToken int // accepted because of the refresh token
}

// observe counts a request and its response.
func (o *logoutObserver) observe(r *http.Request, got *httptest.ResponseRecorder) {
	c, err := r.Cookie("crossmint-session")
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case r.URL.Path == "/logout" && got.Code == http.StatusNoContent:
		if o.jwts == nil {
			o.jwts = map[string]bool{}
		}
		o.jwts[c.Value] = true
	case r.URL.Path == "/me" && got.Code == http.StatusOK && o.jwts[c.Value]:
		if len(got.Result().Cookies()) == 0 {
			o.byJWT++
		} else {
			o.byRefreshToken++
		}
	}
}
