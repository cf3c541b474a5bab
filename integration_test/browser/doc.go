// Package browser holds no program, only tests: Crossmint's published browser
// client, in a real Chromium, against this module's middleware and handlers.
package browser
