// Package page is the example's page: documents, a style sheet and scripts,
// embedded, without a framework and without a request to another host; and
// the journal that they show.
package page

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"time"
)

//go:embed index.html tab.html session.html assets
var files embed.FS

// policy lets the page have what the site itself serves, nothing inline, and
// a frame with its second tab.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'self'"

// types are those of the assets. They are not left to the machine's own
// table, which on some has no JavaScript.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Config says what the page tells about the site.
type Config struct {
	// Demo says that the site runs on a fake, whose inbox it may show and
	// which it may take down.
	Demo bool
	// Environment is the one of the API key.
	Environment string
}

// Handler returns the handler of "/", of "/tab", which shows the session
// alone, and of what is under "/assets/".
func Handler(config Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", document(config, "index.html"))
	mux.Handle("GET /tab", document(config, "tab.html"))
	assets, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	for _, asset := range assets {
		name := "assets/" + asset.Name()
		content, err := files.ReadFile(name)
		if err != nil {
			panic(err) // as before
		}
		mux.Handle("GET /"+name, serve(types[path.Ext(name)], content))
	}
	return guarded(mux)
}

// guarded sets what all answers have in common.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func document(config Config, name string) http.Handler {
	var content bytes.Buffer
	t := template.Must(template.ParseFS(files, name, "session.html"))
	if err := t.Execute(&content, config); err != nil {
		panic(err) // the file is part of the program
	}
	return serve("text/html; charset=utf-8", content.Bytes())
}

func serve(contentType string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
