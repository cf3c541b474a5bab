package lab

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// attacker sends tokens that upstream has not issued to it.
type attacker struct {
	lab    *laboratory
	random *rand.Rand
}

func newAttacker(l *laboratory, i int) *attacker { return &attacker{l, l.random("attacker", i)} }

func (a *attacker) run(n int) {
	for range n {
		time.Sleep(time.Duration(a.random.Int64N(int64(time.Second))))
		jwt, refresh := a.jwt(), fmt.Sprintf("forged-%d", a.random.Uint64())
		if a.random.IntN(2) == 0 {
			refresh = ""
		}
		r := httptest.NewRequest(http.MethodGet, site.String()+"me", nil)
		r.Header.Set("Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)
		w := httptest.NewRecorder()
		a.lab.handler.ServeHTTP(w, r)
		a.lab.oracle.count(func(c *counts) { c.Attacks++ })
		if w.Code == http.StatusOK {
			a.lab.oracle.checkUser(strings.TrimSpace(w.Body.String()), "", fmt.Sprintf("an attack with %.20s…", jwt))
		}
	}
}

// jwt returns an invalid JWT.
func (a *attacker) jwt() string {
	victim := a.lab.fake.NewUser("user1@example.com")
	switch a.random.IntN(6) {
	case 0:
		return a.lab.fake.ForgedJWT(victim)
	case 1:
		return a.lab.fake.ForeignJWT(victim)
	case 2:
		return a.lab.fake.ExpiredJWT(victim)
	case 3: // valid signature, but the algorithm is none
		return a.lab.fake.Sign(victim, map[string]any{"alg": "none"}, nil)
	case 4: // unknown key
		return a.lab.fake.Sign(victim, map[string]any{"kid": fmt.Sprint(a.random.Uint64())}, nil)
	default:
		return strings.Repeat("A", 1+a.random.IntN(2000))
	}
}
