package lab_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

const refreshCookie = "crossmint-refresh-token"

// naive is the obvious implementation: a refresh for every request with an
// expired JWT, and on any error the cookies are cleared.
func naive(config crossmint.Config) (http.Handler, func(), error) {
	config.Logger = slog.New(slog.DiscardHandler)
	client, err := crossmint.NewClient(config)
	if err != nil {
		return nil, nil, err
	}
	n := &naiveSite{client: client}
	mux := http.NewServeMux()
	mux.HandleFunc("/refresh", n.refresh)
	mux.HandleFunc("/logout", n.logout)
	n.Handler = mux
	return n, client.Close, nil
}

// naiveSite is a lab.Site without sign-in forms.
type naiveSite struct {
	http.Handler
	client *crossmint.Client
}

type naiveUserKey struct{}

func (n *naiveSite) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve := func(user string) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), naiveUserKey{}, user)))
		}
		if token, err := n.client.Verify(r.Context(), value(r, "crossmint-session"), time.Now()); err == nil {
			serve(token.UserID)
		} else if grant, ok := n.renew(w, r, value(r, refreshCookie)); ok {
			serve(grant.User.ID)
		}
	})
}

func (n *naiveSite) UserID(r *http.Request) string {
	user, _ := r.Context().Value(naiveUserKey{}).(string)
	return user
}

func (n *naiveSite) Forward(*http.Request) {}

func (n *naiveSite) refresh(w http.ResponseWriter, r *http.Request) {
	var body struct{ Refresh string }
	_ = json.NewDecoder(r.Body).Decode(&body) // else the cookie counts
	if grant, ok := n.renew(w, r, cmp.Or(body.Refresh, value(r, refreshCookie))); ok {
		_, _ = io.WriteString(w, `{"jwt":"`+grant.JWT.Reveal()+`","user":{"id":"`+grant.User.ID+`"}}`)
	}
}

func (n *naiveSite) renew(w http.ResponseWriter, r *http.Request, token string) (*session.Grant, bool) {
	grant, err := n.client.Refresh(r.Context(), session.NewSecret(token))
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
	set(w, refreshCookie, grant.RefreshToken.Secret.Reveal(), expires)
	return grant, true
}

func (n *naiveSite) logout(w http.ResponseWriter, r *http.Request) {
	_ = n.client.Logout(r.Context(), session.NewSecret(value(r, refreshCookie)))
	n.clear(w)
	w.WriteHeader(http.StatusNoContent)
}

func (n *naiveSite) clear(w http.ResponseWriter) {
	set(w, "crossmint-session", "", time.Unix(0, 0))
	set(w, refreshCookie, "", time.Unix(0, 0))
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
