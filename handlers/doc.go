// Package handlers provides the endpoints of a site with sessions: [Refresh] and
// [Logout], and [SignIn] for pages without scripts, or with a few lines of script for
// providers and wallets. Mount them by path, without a method, since they respond to
// wrong methods themselves.
//
// All endpoints change state, and browsers attach cookies to requests of any
// origin. So the endpoints check a request's method and its origin
// ([http.CrossOriginProtection]) before anything else. They never add CORS
// headers, and their responses are not cacheable.
//
// Request bodies are limited in size and time. A [SignIn] limits its forms
// in each process, and with SignInConfig.ClientKey also single clients. Refresh and
// Logout have no limits of their own: the session manager limits refresh tokens, for
// each user where a correctly signed JWT comes with the token. A proxy in front can limit clients by their address.
//
// Give a form for Logout a hidden field, whatever its name: lynx sends a form without
// any field as GET, which gets 405.
package handlers
