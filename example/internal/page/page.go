// Package page is the example's page: one document, one style sheet and one
// script, embedded, without a framework and without a request to another host.
package page

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed index.html style.css app.js
var files embed.FS

// policy lets the page have its own script, style and API, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Config says what the page tells about the site.
type Config struct {
	// Demo says that the site runs on a fake, whose inbox it may show.
	Demo bool
	// Environment is the one of the API key.
	Environment string
}

// Handler returns the handler of "/" and of what is under "/assets/".
func Handler(config Config) http.Handler {
	var index bytes.Buffer
	if err := template.Must(template.ParseFS(files, "index.html")).Execute(&index, config); err != nil {
		panic(err) // the file is part of the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", document("text/html; charset=utf-8", index.Bytes()))
	mux.Handle("GET /assets/style.css", document("text/css; charset=utf-8", file("style.css")))
	mux.Handle("GET /assets/app.js", document("text/javascript; charset=utf-8", file("app.js")))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

func file(name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return content
}

// document serves content. The type is not left to the machine's own table,
// which on some has no JavaScript.
func document(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}
