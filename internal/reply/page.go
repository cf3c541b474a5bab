package reply

import (
	"fmt"
	"html"
	"net/http"
)

// page is the whole page of an error. Its only style is the color scheme, so that
// the policy can forbid all resources.
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>%[1]s</title>
<h1>%[1]s</h1>
<p>%[2]s</p>
`

const pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'"

// writePage responds with HTML, for readers. The response is not cacheable. A
// Content-Security-Policy of the application stays: browsers enforce both.
func writePage(w http.ResponseWriter, status int, message string) {
	title := http.StatusText(status)
	if status == http.StatusUnauthorized {
		title, message = "Please sign in", "You are not signed in, or your session has ended."
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Add("Content-Security-Policy", pagePolicy)
	// With no-referrer some browsers send forms with "Origin: null".
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, page, html.EscapeString(title), html.EscapeString(message))
}
