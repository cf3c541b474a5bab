// Package balancer is a round-robin load balancer without sticky sessions.
package balancer

import (
	"errors"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/crossmint-go/auth/example/fleet/internal/fleet"
)

// Header names the instance that has responded.
const Header = "X-Instance"

// A Balancer is an http.RoundTripper that sends each request to the next
// instance.
type Balancer struct {
	fleet     *fleet.Fleet
	transport *http.Transport
}

// New returns a Balancer for a fleet.
func New(f *fleet.Fleet) *Balancer {
	return &Balancer{f, &http.Transport{MaxIdleConnsPerHost: 128, IdleConnTimeout: time.Minute}}
}

var errNoInstance = errors.New("no instance is running")

// RoundTrip implements http.RoundTripper. If an instance dies during a GET, the next
// instance gets the request. Other requests are never sent twice.
func (b *Balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		i, ok := b.fleet.Next()
		if !ok {
			return nil, errNoInstance
		}
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = "http", i.Addr
		res, err := b.transport.RoundTrip(out)
		if err == nil {
			b.fleet.CountResponse(i.Name)
			res.Header.Set(Header, i.Name)
			return res, nil
		}
		if r.Method != http.MethodGet || r.Context().Err() != nil {
			return nil, err
		}
	}
}

// Handler returns the balancer as a handler. It keeps the Host of the browser,
// because the kit compares the Origin with it.
func (b *Balancer) Handler() http.Handler {
	return &httputil.ReverseProxy{
		Transport: b,
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.Host = r.In.Host },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Cache-Control", "no-store")
			status := http.StatusBadGateway
			if errors.Is(err, errNoInstance) {
				status = http.StatusServiceUnavailable
			}
			http.Error(w, err.Error(), status)
		},
	}
}

// Close closes the connections to instances.
func (b *Balancer) Close() { b.transport.CloseIdleConnections() }
