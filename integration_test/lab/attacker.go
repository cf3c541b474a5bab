package lab

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// attacker sends tokens that nobody issued to him.
type attacker struct {
	lab    *laboratory
	random *rand.Rand
}

func newAttacker(l *laboratory, i int) *attacker { return &attacker{l, l.random("attacker", i)} }

func (a *attacker) live(n int) {
	for range n {
		time.Sleep(time.Duration(a.random.Int64N(int64(time.Second))))
		jwt, refresh := a.jwt(), fmt.Sprintf("made-up-%d", a.random.Uint64())
		if a.random.IntN(2) == 0 {
			refresh = ""
		}
		r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
		r.Header.Set("Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)
		w := httptest.NewRecorder()
		a.lab.handler.ServeHTTP(w, r)
		a.lab.oracle.count(func(c *counts) { c.Attacks++ })
		if w.Code == http.StatusOK {
			a.lab.oracle.entered(strings.TrimSpace(w.Body.String()), "", fmt.Sprintf("an attack with %.20s…", jwt))
		}
	}
}

// jwt returns one that must not be taken.
func (a *attacker) jwt() string {
	victim := a.lab.fake.NewUser("user1@example.com")
	switch a.random.IntN(6) {
	case 0:
		return a.lab.fake.ForgedJWT(victim)
	case 1:
		return a.lab.fake.ForeignJWT(victim)
	case 2:
		return a.lab.fake.ExpiredJWT(victim)
	case 3: // signed by the right key, under the algorithm none
		return a.lab.fake.Sign(victim, map[string]any{"alg": "none"}, nil)
	case 4: // of a key that does not exist
		return a.lab.fake.Sign(victim, map[string]any{"kid": fmt.Sprint(a.random.Uint64())}, nil)
	default:
		return strings.Repeat("A", 1+a.random.IntN(2000))
	}
}
