// Package handlers provides the endpoints of a site with sessions: [Refresh] and
// [Logout], and [SignIn] for pages without scripts. Mount them by path, without a
// method, since they respond to wrong methods themselves.
//
// All endpoints change state, and browsers attach cookies to requests of any
// origin. So the endpoints check a request's method and its origin
// ([http.CrossOriginProtection]) before anything else. They never add CORS
// headers, and their responses are not cacheable.
package handlers
