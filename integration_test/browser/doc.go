// Package browser tests the middleware and the handlers of this module with Crossmint's
// published browser client, and with plain forms, in a real Chromium, Firefox and
// WebKitGTK. It has tests only.
package browser
