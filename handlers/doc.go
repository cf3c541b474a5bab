// Package handlers holds the two endpoints that a page with a session needs:
// [Refresh] and [Logout]. Mount them by path, without a method: they answer
// other methods themselves.
//
// Both change state with the cookies that a browser attaches by itself, so
// both refuse requests from other origins before they look at anything else,
// with http.CrossOriginProtection. Neither adds CORS headers, and no answer of
// theirs may be cached.
package handlers
