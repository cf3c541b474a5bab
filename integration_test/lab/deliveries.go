package lab

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Deliveries returns next, and calls delivered with each refresh token that was
// sent through it and the one that its response, read to the end, has brought in
// exchange. It is for oracles beside the one of this package. Delivered may be
// called concurrently.
func Deliveries(next http.RoundTripper, delivered func(presented, successor string)) http.RoundTripper {
	return &deliveries{next, delivered}
}

type deliveries struct {
	next      http.RoundTripper
	delivered func(presented, successor string)
}

func (d *deliveries) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/refresh") {
		return d.next.RoundTrip(r)
	}
	r, presented, err := peek(r)
	if err != nil {
		return nil, err
	}
	res, err := d.next.RoundTrip(r)
	if err == nil {
		res.Body = &delivery{ReadCloser: res.Body, done: func(body []byte) { d.note(presented, body) }}
	}
	return res, err
}

func (d *deliveries) note(presented string, body []byte) {
	var response struct{ Refresh struct{ Secret string } }
	if json.Unmarshal(body, &response) == nil && response.Refresh.Secret != "" {
		d.delivered(presented, response.Refresh.Secret)
	}
}

// CloseIdleConnections lets the client under test clean up.
func (d *deliveries) CloseIdleConnections() {
	if idle, ok := d.next.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
