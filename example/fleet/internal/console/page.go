package console

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

//go:embed index.html style.css app.js
var files embed.FS

// policy allows the script, the style and the API of the page, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountPage adds the page and its files.
func mountPage(mux *http.ServeMux) {
	mux.Handle("GET /{$}", document("index.html", "text/html; charset=utf-8"))
	mux.Handle("GET /assets/style.css", document("style.css", "text/css; charset=utf-8"))
	mux.Handle("GET /assets/app.js", document("app.js", "text/javascript; charset=utf-8"))
}

// document serves a file. The type is fixed, because some machines have none for
// JavaScript.
func document(name, contentType string) http.HandlerFunc {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}
