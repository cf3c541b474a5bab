// Package browser tests the middleware and the handlers of this module with Crossmint's
// published browser client in a real Chromium, and in Firefox. It has tests only.
package browser
