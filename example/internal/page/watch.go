package page

import (
	"errors"
	"net/http"
	"path"

	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

const (
	tabHeader   = "X-Tab" // identifies a tab of the page
	maxTabBytes = 16
)

// Requests is a middleware that records the requests of the page's tabs. Other
// requests, for example those of curl, are not on the time line.
func (j *Journal) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tab := r.Header.Get(tabHeader)
		if tab == "" || len(tab) > maxTabBytes {
			next.ServeHTTP(w, r)
			return
		}
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		id, startedAt := j.start(record{Kind: "request", Name: r.URL.Path, Tab: tab})
		defer func() { j.finish(id, startedAt, recorder.status) }()
		next.ServeHTTP(recorder, r)
	})
}

// statusRecorder records the status of the response.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap implements the contract of http.ResponseController.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Transport returns a transport that records the calls to Crossmint.
func (j *Journal) Transport(next *http.Transport) http.RoundTripper { return transport{next, j} }

// transport embeds *http.Transport because the client closes its idle
// connections.
type transport struct {
	*http.Transport
	journal *Journal
}

// RoundTrip records a status of 0 if there is no response.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	id, startedAt := t.journal.start(record{Kind: "call", Name: endpoint(r.URL.Path)})
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		t.journal.finish(id, startedAt, 0)
		return nil, err
	}
	t.journal.finish(id, startedAt, response.StatusCode)
	return response, nil
}

// callCount returns the number of calls to an endpoint.
func (j *Journal) callCount(endpoint string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts.Calls[endpoint]
}

// endpoint returns a short name for a path of Crossmint's API.
func endpoint(urlPath string) string {
	switch name := path.Base(urlPath); name {
	case "refresh", "logout":
		return name
	case "jwks.json":
		return "keys"
	default:
		return "sign-in"
	}
}

// Event records an outcome, for session.Config.OnEvent. The same outcomes of one
// refresh token are one record, with the number of requests.
func (j *Journal) Event(e event.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case e.Outcome == event.Rejected && !isRefused(e.Err): // the request shows the 401 already
	case e.Outcome == event.CodeSent || e.Outcome == event.CodeNotSent: // the call to Crossmint shows it
	case isShared(e.Outcome) && j.countServedLocked(e):
	default:
		if e.Outcome == event.Refreshed || e.Outcome == event.SignedIn {
			j.counts.Refreshes++
		}
		j.addLocked(record{Kind: "outcome", Name: string(e.Outcome), Op: e.Op, Status: e.UpstreamStatus, Served: 1, fingerprint: e.Token})
	}
}

// isShared reports whether many requests with one refresh token can have the
// outcome.
func isShared(o event.Outcome) bool {
	return o == event.Refreshed || o == event.AskedAgain || o == event.Rejected
}

// isRefused reports whether Crossmint has rejected the refresh token.
func isRefused(err error) bool {
	var rejected *session.AuthenticationError
	return errors.As(err, &rejected) && rejected.Refused
}

// countServedLocked adds a request to the record of the same outcome of the
// token. It reports whether there is such a record.
func (j *Journal) countServedLocked(e event.Event) bool {
	for i := len(j.records) - 1; i >= 0; i-- {
		r := &j.records[i]
		if r.fingerprint == e.Token && r.Name == string(e.Outcome) {
			j.state++
			r.Served, r.state = r.Served+1, j.state
			return true
		}
	}
	return false
}
