// Package page serves the example's page, and the journal that its time line
// shows. Documents, style sheet and scripts are embedded. They use no
// framework and load nothing from other hosts.
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

// contentSecurityPolicy allows resources of the site itself, nothing inline,
// and the frame with the second tab.
const contentSecurityPolicy = "default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'self'"

// contentTypes are fixed here because the tables of some machines lack
// JavaScript.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Config describes the site to the page.
type Config struct {
	// Demo adds the simulated inbox and the controls of the simulated
	// Crossmint.
	Demo bool
	// Environment is the Crossmint environment of the API key.
	Environment string
}

// Handler returns the handler of "/", of "/tab", which shows only the session,
// and of the files in "/assets/".
func Handler(config Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", renderedPage(config, "index.html"))
	mux.Handle("GET /tab", renderedPage(config, "tab.html"))
	assets, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	for _, asset := range assets {
		name := "assets/" + asset.Name()
		content, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the file is embedded
		}
		mux.Handle("GET /"+name, serve(contentTypes[path.Ext(name)], content))
	}
	return withSecurityHeaders(mux)
}

// withSecurityHeaders sets the header fields of all responses.
func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// renderedPage renders the template once; the configuration never changes.
func renderedPage(config Config, name string) http.Handler {
	var content bytes.Buffer
	t := template.Must(template.ParseFS(files, name, "session.html"))
	if err := t.Execute(&content, config); err != nil {
		panic(err) // the template is embedded
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
