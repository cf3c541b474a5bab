// Package httpclients tests the middleware and the handlers of this module with HTTP
// clients that are no browsers: Python requests, curl, wget, those of Node, and Go's. It
// has tests only.
package httpclients
