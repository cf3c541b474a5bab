package lab_test

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// naive is the obvious implementation: it refreshes for every request with an expired
// JWT and clears the cookies after every error.
func naive(config crossmint.Config) (http.Handler, func(), error) {
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	n := &naiveSite{client}
	mux := http.NewServeMux()
	mux.HandleFunc("/me", n.me)
	mux.HandleFunc("/refresh", n.refresh)
	mux.HandleFunc("/logout", n.logout)
	return mux, client.Close, nil
}

type naiveSite struct{ client *crossmint.Client }

func (n *naiveSite) me(w http.ResponseWriter, r *http.Request) {
	if token, err := n.client.Verify(r.Context(), value(r, "crossmint-session"), time.Now()); err == nil {
		_, _ = io.WriteString(w, token.UserID)
		return
	}
	if grant, ok := n.renew(w, r); ok {
		_, _ = io.WriteString(w, grant.User.ID)
	}
}

func (n *naiveSite) refresh(w http.ResponseWriter, r *http.Request) {
	if grant, ok := n.renew(w, r); ok {
		_, _ = io.WriteString(w, `{"jwt":"`+grant.JWT.Reveal()+`","user":{"id":"`+grant.User.ID+`"}}`)
	}
}

func (n *naiveSite) renew(w http.ResponseWriter, r *http.Request) (*session.Grant, bool) {
	grant, err := n.client.Refresh(r.Context(), session.NewSecret(value(r, "crossmint-refresh-token")))
	if err == nil {
		_, err = n.client.Verify(r.Context(), grant.JWT.Reveal(), time.Now())
	}
	if err != nil {
		n.clear(w)
		http.Error(w, "signed out", http.StatusUnauthorized)
		return nil, false
	}
	expires, _ := time.Parse(time.RFC3339, grant.RefreshToken.ExpiresAt)
	set(w, "crossmint-session", grant.JWT.Reveal(), expires)
	set(w, "crossmint-refresh-token", grant.RefreshToken.Secret.Reveal(), expires)
	return grant, true
}

func (n *naiveSite) logout(w http.ResponseWriter, r *http.Request) {
	_ = n.client.Logout(r.Context(), session.NewSecret(value(r, "crossmint-refresh-token")))
	n.clear(w)
	w.WriteHeader(http.StatusNoContent)
}

func (n *naiveSite) clear(w http.ResponseWriter) {
	set(w, "crossmint-session", "", time.Unix(0, 0))
	set(w, "crossmint-refresh-token", "", time.Unix(0, 0))
}

func set(w http.ResponseWriter, name, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", Expires: expires})
}

func value(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
