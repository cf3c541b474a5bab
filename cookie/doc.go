// Package cookie reads and writes the cookies that hold a session, and the one
// of a sign-in under way ([Codec.WritePending]). Nothing else in this module
// touches a Cookie or Set-Cookie header.
//
// Three generations of names exist in the field (see [Documented], [Unscoped]
// and [Scoped]). A [Codec] reads all of them and writes one: a renewed session
// goes back under the names from which its refresh token was read, so that no
// browser ends up with two sessions. Values that a browser would drop or
// change are refused, never cut.
package cookie
