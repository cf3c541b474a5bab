package page

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// The modes of upstream.
const (
	up   = "up"
	slow = "slow"
	down = "down"
)

var errMode = errors.New("the mode is up, slow or down")

const (
	// usualLatency is that of a service some hundred miles away.
	usualLatency = 100 * time.Millisecond
	// slowLatency is long enough to be felt, and shorter than the 3 s for
	// which a logout waits.
	slowLatency = 2 * time.Second
)

// Upstream returns the handler that puts the fake into the mode of the form
// field "mode", and notes that in the journal. At first it is up.
func Upstream(fake *crossminttest.Server, journal *Journal) http.Handler {
	fake.SetLatency(crossminttest.Any, usualLatency)
	var mu sync.Mutex // one after the other
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		mode := r.FormValue("mode")
		switch err := turn(fake, mode); {
		case errors.Is(err, errMode):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			journal.turned(mode)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

// turn puts the fake into a mode.
func turn(fake *crossminttest.Server, mode string) error {
	switch mode {
	case up:
		fake.SetLatency(crossminttest.Any, usualLatency)
		return fake.Up()
	case slow:
		fake.SetLatency(crossminttest.Any, slowLatency)
		return fake.Up()
	case down:
		fake.Down()
		return nil
	default:
		return errMode
	}
}

func (j *Journal) turned(mode string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mode = mode
	j.add(record{Kind: "upstream", Name: mode})
}

// Expire returns the handler that gives a signed-in browser an expired JWT in
// place of its own, beside the same refresh token. It answers with how many
// calls to refresh there were before anybody can use that JWT. It belongs
// behind middleware.RequireSession.
func Expire(fake *crossminttest.Server, cookies *cookie.Codec, journal *Journal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context()) // behind RequireSession there is one
		err := cookies.Write(w, r, &session.Grant{
			JWT:          session.NewSecret(fake.ExpiredJWT(session.User{ID: s.UserID})),
			RefreshToken: s.RefreshToken,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"refreshes":%d}`, journal.calls("refresh")) // the browser may be gone
	})
}
