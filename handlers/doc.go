// Package handlers holds the endpoints that a page with a session needs:
// [Refresh] and [Logout], and [SignIn] for pages without scripts. Mount them by
// path, without a method: they answer other methods themselves.
//
// All change state with the cookies that a browser attaches by itself, so all
// refuse requests from other origins before they look at anything but the
// method, with http.CrossOriginProtection. None adds CORS headers, and no answer
// of theirs may be cached.
package handlers
