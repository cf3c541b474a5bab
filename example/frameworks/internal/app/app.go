// Package app is the application behind routers that accept net/http handlers.
package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Me responds with the ID of the signed-in user, and sets a cookie of the
// application.
func Me(w http.ResponseWriter, r *http.Request) {
	s, _ := session.FromContext(r.Context())
	http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"userId": s.UserID}) // fails only if the client is gone
}

// Stream sends a line at once and keeps the response open.
func Stream(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintln(w, "hello")
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	<-r.Context().Done()
}

// overrun is the time by which Slow exceeds a timeout: long enough to be late also on
// a busy machine.
const overrun = time.Second / 2

// Slow takes longer than any timeout around it.
func Slow(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	time.Sleep(overrun)
	Me(w, r)
}
