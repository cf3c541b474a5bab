package page

import (
	"net/http"
	"path"

	"github.com/crossmint-go/auth/session"
)

const (
	// tabHeader is how each tab of the page names itself.
	tabHeader   = "X-Tab"
	maxTabBytes = 16
)

// Requests is a middleware that notes the requests to next.
func (j *Journal) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tab := r.Header.Get(tabHeader)
		if len(tab) > maxTabBytes {
			tab = ""
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		end := j.begin(record{Kind: "request", Name: r.URL.Path, Tab: tab})
		defer func() { end(answer.status) }()
		next.ServeHTTP(answer, r)
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Transport returns next with the calls to Crossmint noted.
func (j *Journal) Transport(next *http.Transport) http.RoundTripper { return transport{next, j} }

// transport has the other methods of http.Transport, too: a client closes its
// idle connections.
type transport struct {
	*http.Transport
	journal *Journal
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	end := t.journal.begin(record{Kind: "call", Name: endpoint(r.URL.Path)})
	response, err := t.Transport.RoundTrip(r)
	if err != nil {
		end(0)
		return nil, err
	}
	end(response.StatusCode)
	return response, nil
}

// calls returns how often an endpoint was called.
func (j *Journal) calls(endpoint string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts.Calls[endpoint]
}

// endpoint names a part of Crossmint's API.
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

// Event notes an outcome.
func (j *Journal) Event(e session.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case e.Outcome == session.Rejected: // a visitor; the request shows the 401
	case e.Outcome == session.Refreshed && j.serves(e.Token):
	default:
		if e.Outcome == session.Refreshed {
			j.counts.Refreshes++
		}
		j.add(record{Kind: "outcome", Name: string(e.Outcome), Op: e.Op, Status: e.UpstreamStatus, Served: 1, token: e.Token})
	}
}

// serves notes that the refresh of a token has served one more request, and
// reports whether that refresh is on record. The mutex is held.
func (j *Journal) serves(token string) bool {
	for i := len(j.records) - 1; i >= 0; i-- {
		r := &j.records[i]
		if r.token == token && r.Name == string(session.Refreshed) {
			j.state++
			r.Served, r.changed = r.Served+1, j.state
			return true
		}
	}
	return false
}
