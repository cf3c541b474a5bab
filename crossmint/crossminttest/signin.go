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

// Grant signs user in once more, in a token family of its own: a fresh JWT
// and a live refresh token. A user whose ID the fake does not know becomes
// one of its users; an empty ID gets a new one.
func (s *Server) Grant(user session.User) session.Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newFamily(s.known(user).ID).grant
}

// ExpiredGrant is [Server.Grant] with a JWT that expired a minute ago beside
// the live refresh token: what a browser has in the morning.
func (s *Server) ExpiredGrant(user session.User) session.Grant {
	grant := s.Grant(user)
	grant.JWT = session.NewSecret(s.ExpiredJWT(grant.User))
	return grant
}

// OneTimeSecret returns what a login of user ends with: a secret that refresh
// exchanges once, within ten minutes.
func (s *Server) OneTimeSecret(user session.User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newOneTimeSecret(s.known(user).ID)
}

// newOneTimeSecret does the work of OneTimeSecret. s.mu is held.
func (s *Server) newOneTimeSecret(userID string) string {
	secret := randomText()
	s.oneTime[secret] = oneTimeSecret{userID, time.Now().Add(oneTimeSecretLifetime)}
	return secret
}

// known returns the user as the fake knows them. s.mu is held.
func (s *Server) known(user session.User) session.User {
	if user.ID == "" {
		user.ID = newID()
	}
	return s.people.add(user)
}

// SignIn signs the user with that e-mail address in and puts the documented
// cookies for site into jar.
func (s *Server) SignIn(jar http.CookieJar, site *url.URL, email string) session.Grant {
	grant := s.Grant(s.NewUser(email))
	jar.SetCookies(site, Cookies(grant))
	return grant
}

// SignInExpired is [Server.SignIn] with an expired JWT beside the live
// refresh token. What the kit writes after a refresh is Secure, and before Go
// 1.26 a jar does not send that over plain http: use httptest.NewTLSServer
// with its Client, or cookie.Config.InsecureAllowHTTP.
func (s *Server) SignInExpired(jar http.CookieJar, site *url.URL, email string) session.Grant {
	grant := s.ExpiredGrant(s.NewUser(email))
	jar.SetCookies(site, Cookies(grant))
	return grant
}

// Cookies returns grant as the documented pair of cookies: crossmint-session
// and crossmint-refresh-token, Path=/, until the refresh token expires. They
// are not Secure, so that jars send them to a test server over plain http.
func Cookies(grant session.Grant) []*http.Cookie {
	expires := grant.RefreshToken.ExpiresAt()
	return []*http.Cookie{
		{Name: jwtCookie, Value: grant.JWT.Reveal(), Path: "/", Expires: expires, SameSite: http.SameSiteLaxMode},
		{Name: refreshCookie, Value: grant.RefreshToken.Secret.Reveal(), Path: "/", Expires: expires, SameSite: http.SameSiteLaxMode, HttpOnly: true},
	}
}
