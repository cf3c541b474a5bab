package crossminttest

import (
	"net/http"
	"net/url"
	"time"

	"github.com/crossmint-go/auth/session"
)

// The documented cookie names.
const (
	jwtCookie     = "crossmint-session"
	refreshCookie = "crossmint-refresh-token"
)

// Grant signs user in once more, in a new token family: a new JWT and a live
// refresh token. A user with an unknown ID is added to the fake; an empty ID is
// replaced by a new one.
func (s *Server) Grant(user session.User) session.Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newFamilyLocked(s.knownUserLocked(user).ID).grant
}

// ExpiredGrant is [Server.Grant] with a JWT that expired a minute ago beside
// the live refresh token: like a browser after a night.
func (s *Server) ExpiredGrant(user session.User) session.Grant {
	grant := s.Grant(user)
	grant.JWT = session.NewSecret(s.ExpiredJWT(grant.User))
	return grant
}

// OneTimeSecret returns the result of a sign-in of user: a secret that refresh
// exchanges once, within ten minutes.
func (s *Server) OneTimeSecret(user session.User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newOneTimeSecretLocked(s.knownUserLocked(user).ID)
}

func (s *Server) newOneTimeSecretLocked(userID string) string {
	secret := randomSecret()
	s.oneTime[secret] = oneTimeSecret{userID, time.Now().Add(oneTimeSecretLifetime)}
	return secret
}

// knownUserLocked returns the fake's user with the ID of user.
func (s *Server) knownUserLocked(user session.User) session.User {
	if user.ID == "" {
		user.ID = newID()
	}
	return s.users.add(user)
}

// SignIn signs the user with that e-mail address in and puts the documented
// cookies for site into jar.
func (s *Server) SignIn(jar http.CookieJar, site *url.URL, email string) session.Grant {
	grant := s.Grant(s.NewUser(email))
	jar.SetCookies(site, Cookies(grant))
	return grant
}

// SignInExpired is [Server.SignIn] with an expired JWT beside the live
// refresh token. The cookies of a refresh are Secure, and before Go 1.26 a jar
// does not send those over plain http: use httptest.NewTLSServer with its Client,
// or cookie.Config.InsecureAllowHTTP.
func (s *Server) SignInExpired(jar http.CookieJar, site *url.URL, email string) session.Grant {
	grant := s.ExpiredGrant(s.NewUser(email))
	jar.SetCookies(site, Cookies(grant))
	return grant
}

// Cookies returns grant as the documented pair of cookies: crossmint-session
// and crossmint-refresh-token, Path=/, until the refresh token expires. They
// are not Secure, so that jars send them to a test server over plain http.
func Cookies(grant session.Grant) []*http.Cookie {
	expires, _ := time.Parse(time.RFC3339, grant.RefreshToken.ExpiresAt) // zero: a session cookie
	return []*http.Cookie{
		{Name: jwtCookie, Value: grant.JWT.Reveal(), Path: "/", Expires: expires, SameSite: http.SameSiteLaxMode},
		{Name: refreshCookie, Value: grant.RefreshToken.Secret.Reveal(), Path: "/", Expires: expires, SameSite: http.SameSiteLaxMode, HttpOnly: true},
	}
}
