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

// The modes of the simulated Crossmint.
const (
	modeUp   = "up"
	modeSlow = "slow"
	modeDown = "down"
)

var errUnknownMode = errors.New("unknown mode; use up, slow or down")

const (
	// defaultLatency is typical of a service in another region.
	defaultLatency = 100 * time.Millisecond
	// slowLatency is noticeable, but below the logout timeout of 3 s.
	slowLatency = 2 * time.Second
)

// Upstream returns the handler that sets the mode of fake to the form field
// "mode" and records that in the journal. The initial mode is up. The handler
// is safe for concurrent use.
func Upstream(fake *crossminttest.Server, journal *Journal) http.Handler {
	fake.SetLatency(crossminttest.Any, defaultLatency)
	var mu sync.Mutex // serializes the changes
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		mode := r.FormValue("mode")
		switch err := setMode(fake, mode); {
		case errors.Is(err, errUnknownMode):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			journal.setMode(mode)
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

func setMode(fake *crossminttest.Server, mode string) error {
	switch mode {
	case modeUp:
		fake.SetLatency(crossminttest.Any, defaultLatency)
		return fake.Up()
	case modeSlow:
		fake.SetLatency(crossminttest.Any, slowLatency)
		return fake.Up()
	case modeDown:
		fake.Down()
		return nil
	default:
		return errUnknownMode
	}
}

func (j *Journal) setMode(mode string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mode = mode
	j.addLocked(record{Kind: "upstream", Name: mode})
}

// Expire returns the handler that replaces the session JWT of a browser by an
// expired one and keeps the refresh token. The response contains the number of
// refresh calls before any client can use the expired JWT. The handler needs
// middleware.RequireSession in front of it.
func Expire(fake *crossminttest.Server, cookies *cookie.Codec, journal *Journal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context()) // RequireSession guarantees a session
		err := cookies.Write(w, r, &session.Grant{
			JWT:          session.NewSecret(fake.ExpiredJWT(session.User{ID: s.UserID})),
			RefreshToken: s.RefreshToken,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"refreshes":%d}`, journal.callCount("refresh")) // fails only if the client is gone
	})
}
