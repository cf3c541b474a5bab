package crossminttest

import (
	"maps"
	"time"
)

// An Endpoint names a part of the API, for counters, latencies and faults.
type Endpoint string

// The endpoints.
const (
	Refresh      Endpoint = "refresh"
	Logout       Endpoint = "logout"
	JWKS         Endpoint = "jwks"
	User         Endpoint = "user"
	SendOTP      Endpoint = "send-otp"
	ConfirmOTP   Endpoint = "confirm-otp"
	Social       Endpoint = "social"
	WalletStart  Endpoint = "wallet-start"
	WalletFinish Endpoint = "wallet-finish"

	// Any stands for all of them where latencies and faults are set.
	Any Endpoint = "any"
)

// Calls counts the calls of each endpoint.
type Calls struct {
	Refresh, Logout, JWKS, User, SendOTP, ConfirmOTP, Social, WalletStart, WalletFinish int
}

// chaos counts the calls and knows which of them go wrong.
type chaos struct {
	calls    map[Endpoint]int
	latency  map[Endpoint]time.Duration
	queued   map[Endpoint][]Fault
	standing map[Endpoint]func() Fault
}

func newChaos() chaos {
	return chaos{
		calls:    map[Endpoint]int{},
		latency:  map[Endpoint]time.Duration{},
		queued:   map[Endpoint][]Fault{},
		standing: map[Endpoint]func() Fault{},
	}
}

// arrive counts a call and returns what is in store for it.
func (s *Server) arrive(e Endpoint) (time.Duration, Fault) {
	s.mu.Lock()
	s.chaos.calls[e]++
	latency := max(s.chaos.latency[e], s.chaos.latency[Any])
	choose := s.chaos.next(e)
	s.mu.Unlock()
	return latency, choose() // the caller's function: not under the lock
}

// next returns what chooses the fault: what was queued comes first, and what
// was set for e comes before what was set for Any.
func (c chaos) next(e Endpoint) func() Fault {
	for _, e := range []Endpoint{e, Any} {
		if queue := c.queued[e]; len(queue) > 0 {
			c.queued[e] = queue[1:]
			return func() Fault { return queue[0] }
		}
	}
	for _, e := range []Endpoint{e, Any} {
		if choose := c.standing[e]; choose != nil {
			return choose
		}
	}
	return func() Fault { return Fault{} }
}

// Calls returns how many calls have arrived since New, those that failed
// included. Preflights neither count nor fail.
func (s *Server) Calls() Calls {
	s.mu.Lock()
	n := maps.Clone(s.chaos.calls)
	s.mu.Unlock()
	return Calls{
		Refresh: n[Refresh], Logout: n[Logout], JWKS: n[JWKS], User: n[User],
		SendOTP: n[SendOTP], ConfirmOTP: n[ConfirmOTP], Social: n[Social],
		WalletStart: n[WalletStart], WalletFinish: n[WalletFinish],
	}
}

// SetLatency makes every call of the endpoint wait for d before it takes
// effect; a call whose client leaves meanwhile has none. See [Delay] for an
// answer that is late after the effect. Of the latencies set for the endpoint
// and for [Any] the longer one holds.
func (s *Server) SetLatency(endpoint Endpoint, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chaos.latency[endpoint] = d
}

// Fail queues faults: each strikes one call of the endpoint, in this order.
// The zero Fault lets a call through.
func (s *Server) Fail(endpoint Endpoint, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chaos.queued[endpoint] = append(s.chaos.queued[endpoint], faults...)
}

// FailAlways makes fault strike every call of the endpoint for which none is
// queued, until [Server.Heal].
func (s *Server) FailAlways(endpoint Endpoint, fault Fault) {
	s.FailWith(endpoint, func() Fault { return fault })
}

// FailWith is [Server.FailAlways] with a fault chosen for each call, for
// example by chance; the zero Fault lets it through. choose is called
// concurrently.
func (s *Server) FailWith(endpoint Endpoint, choose func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chaos.standing[endpoint] = choose
}

// Heal ends all faults, queued and standing. Latencies stay.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.chaos.queued)
	clear(s.chaos.standing)
}
