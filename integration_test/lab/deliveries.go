package lab

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Deliveries returns a transport that calls delivered for every refresh: with the
// token of the request and the new token of the response, once the response was read
// to its end. Other oracles than that of this package use it. It may call delivered
// concurrently.
func Deliveries(next http.RoundTripper, delivered func(presented, newToken string)) http.RoundTripper {
	return &deliveries{next, delivered}
}

type deliveries struct {
	next      http.RoundTripper
	delivered func(presented, newToken string)
}

func (d *deliveries) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/refresh") {
		return d.next.RoundTrip(r)
	}
	r, presented, err := readToken(r)
	if err != nil {
		return nil, err
	}
	res, err := d.next.RoundTrip(r)
	if err == nil {
		res.Body = &delivery{ReadCloser: res.Body, done: func(body []byte) { d.record(presented, body) }}
	}
	return res, err
}

func (d *deliveries) record(presented string, body []byte) {
	var response struct{ Refresh struct{ Secret string } }
	if json.Unmarshal(body, &response) == nil && response.Refresh.Secret != "" {
		d.delivered(presented, response.Refresh.Secret)
	}
}

// CloseIdleConnections closes the idle connections of the next transport.
func (d *deliveries) CloseIdleConnections() {
	if idle, ok := d.next.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
