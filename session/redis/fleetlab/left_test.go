package fleetlab_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
)

// left watches what logged-out cookies still open: a JWT, at instances that were
// not told of the logout, until it expires, and a refresh token where neither
// the store nor upstream could be told. The laboratory counts both as wrongful
// entries; nothing else may be one.
type left struct {
	mu        sync.Mutex // guards all below
	jwts      map[string]bool
	lingering int // entries by the JWT
	reopened  int // entries by the refresh token
}

func (l *left) watch(r *http.Request, got *httptest.ResponseRecorder) {
	c, err := r.Cookie("crossmint-session")
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.URL.Path == "/logout" && got.Code == http.StatusNoContent:
		if l.jwts == nil {
			l.jwts = map[string]bool{}
		}
		l.jwts[c.Value] = true
	case r.URL.Path == "/me" && got.Code == http.StatusOK && l.jwts[c.Value]:
		if len(got.Result().Cookies()) == 0 {
			l.lingering++
		} else {
			l.reopened++
		}
	}
}
