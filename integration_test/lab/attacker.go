package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// attacker sends forged tokens, and tokens of other projects.
type attacker struct {
	lab    *laboratory
	world  *world
	random *rand.Rand
}

func newAttacker(l *laboratory, i int) *attacker {
	return &attacker{l, l.worlds[0], l.random("attacker", i)}
}

func (a *attacker) live(n int) {
	for range n {
		time.Sleep(time.Duration(a.random.Int64N(int64(time.Second))))
		jwt, refresh := a.jwt(), fmt.Sprintf("forged-%d", a.random.Uint64())
		if a.random.IntN(2) == 0 {
			refresh = ""
		}
		x := &exchange{conn: newConn(), plan: plan{kind: prompt}}
		x.conn.onHeader, x.conn.onSend = func() {}, func() {}
		r := httptest.NewRequest(http.MethodGet, a.lab.url().JoinPath(a.lab.pathOf(prompt)).String(), nil)
		r.Header.Set("Cookie", "crossmint-session="+jwt+"; crossmint-refresh-token="+refresh)
		a.world.handler.ServeHTTP(x.conn, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
		a.lab.oracle.count(func(c *counts) { c.Attacks++ })
		if status, _, body := x.conn.response(); status == http.StatusOK && !a.lab.config.Life {
			a.lab.oracle.entered(x, strings.TrimSpace(body))
		}
	}
}

// jwt returns a JWT that must not be accepted.
func (a *attacker) jwt() string {
	victim := a.world.fake.NewUser("user1@example.com")
	switch a.random.IntN(6) {
	case 0:
		return a.world.fake.ForgedJWT(victim)
	case 1:
		return a.world.fake.ForeignJWT(victim)
	case 2:
		return a.world.fake.ExpiredJWT(victim)
	case 3: // signed by the right key, under the algorithm none
		return a.world.fake.Sign(victim, map[string]any{"alg": "none"}, nil)
	case 4: // of a key that does not exist
		return a.world.fake.Sign(victim, map[string]any{"kid": fmt.Sprint(a.random.Uint64())}, nil)
	default:
		return strings.Repeat("A", 1+a.random.IntN(2000))
	}
}
