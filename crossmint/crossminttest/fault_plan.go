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

	// Any means all endpoints, for latencies and faults.
	Any Endpoint = "any"
)

// Calls counts the calls of each endpoint.
type Calls struct {
	Refresh, Logout, JWKS, User, SendOTP, ConfirmOTP, Social, WalletStart, WalletFinish int
}

// faultPlan counts the calls and holds the faults of later ones.
type faultPlan struct {
	calls    map[Endpoint]int
	latency  map[Endpoint]time.Duration
	queued   map[Endpoint][]Fault
	standing map[Endpoint]func() Fault
}

func newFaultPlan() faultPlan {
	return faultPlan{
		calls:    map[Endpoint]int{},
		latency:  map[Endpoint]time.Duration{},
		queued:   map[Endpoint][]Fault{},
		standing: map[Endpoint]func() Fault{},
	}
}

// plan counts a call and returns its latency and fault.
func (s *Server) plan(e Endpoint) (time.Duration, Fault) {
	s.mu.Lock()
	s.faults.calls[e]++
	latency := max(s.faults.latency[e], s.faults.latency[Any])
	choose := s.faults.next(e)
	s.mu.Unlock()
	return latency, choose() // a function of the test: not under the lock
}

// next returns the function that chooses the fault. Queued faults precede
// standing ones, and faults for e precede those for Any.
func (p faultPlan) next(e Endpoint) func() Fault {
	for _, e := range []Endpoint{e, Any} {
		if queue := p.queued[e]; len(queue) > 0 {
			p.queued[e] = queue[1:]
			return func() Fault { return queue[0] }
		}
	}
	for _, e := range []Endpoint{e, Any} {
		if choose := p.standing[e]; choose != nil {
			return choose
		}
	}
	return func() Fault { return Fault{} }
}

// Calls returns the number of calls since New, including failed ones. Preflights
// neither count nor fail.
func (s *Server) Calls() Calls {
	s.mu.Lock()
	n := maps.Clone(s.faults.calls)
	s.mu.Unlock()
	return Calls{
		Refresh: n[Refresh], Logout: n[Logout], JWKS: n[JWKS], User: n[User],
		SendOTP: n[SendOTP], ConfirmOTP: n[ConfirmOTP], Social: n[Social],
		WalletStart: n[WalletStart], WalletFinish: n[WalletFinish],
	}
}

// SetLatency delays every call of the endpoint by d before it takes effect. If
// the client disconnects meanwhile, the call has no effect. [Delay] delays the
// response after the effect. The longer latency of the endpoint and [Any]
// applies.
func (s *Server) SetLatency(endpoint Endpoint, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.latency[endpoint] = d
}

// Fail queues faults: each applies to one call of the endpoint, in this order.
// The zero Fault lets a call succeed.
func (s *Server) Fail(endpoint Endpoint, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.queued[endpoint] = append(s.faults.queued[endpoint], faults...)
}

// FailAlways applies fault to every call of the endpoint for which none is
// queued, until [Server.Heal].
func (s *Server) FailAlways(endpoint Endpoint, fault Fault) {
	s.FailWith(endpoint, func() Fault { return fault })
}

// FailWith is [Server.FailAlways] with a fault that choose selects for each call,
// for example at random. The zero Fault lets the call succeed. choose is called
// concurrently.
func (s *Server) FailWith(endpoint Endpoint, choose func() Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.standing[endpoint] = choose
}

// Heal ends all faults, queued and standing. Latencies stay.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults.queued)
	clear(s.faults.standing)
}
