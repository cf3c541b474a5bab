package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxRecords is far more than the time line shows.
const maxRecords = 2000

// runningDuration is the duration of a request or call that still runs.
const runningDuration = -1

// A record is one mark on the time line. It contains no user and no secret.
type record struct {
	ID       int    `json:"id"`
	Kind     string `json:"kind"` // "request", "call", "outcome" or "upstream"
	Name     string `json:"name"` // path, endpoint, outcome or mode
	Tab      string `json:"tab,omitempty"`
	Op       string `json:"op,omitempty"` // of an outcome
	Status   int    `json:"status,omitempty"`
	At       int64  `json:"at"`               // Unix time in ms
	Duration int64  `json:"duration"`         // in ms, or runningDuration
	Served   int    `json:"served,omitempty"` // requests with the same outcome of one refresh token

	fingerprint string // of the refresh token
	state       int    // of the journal at the last change
}

// counts are the totals since the start.
type counts struct {
	Requests  int            `json:"requests"`
	Refreshes int            `json:"refreshes"`
	Calls     map[string]int `json:"calls"` // by endpoint
}

// A Journal records the requests of the page's tabs, the outcomes of sessions, and the
// calls to Crossmint, for the time line. It serves them as JSON to every
// client. A site in production does not need it. All methods are safe for
// concurrent use.
type Journal struct {
	startedAt int64 // Unix time in ms

	mu      sync.Mutex // guards the fields below
	state   int        // grows with each change
	records []record   // oldest first, with consecutive IDs
	counts  counts
	mode    string // of the simulated Crossmint
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal {
	return &Journal{startedAt: time.Now().UnixMilli(), counts: counts{Calls: map[string]int{}}, mode: modeUp}
}

// addLocked appends r and returns its ID.
func (j *Journal) addLocked(r record) int {
	if len(j.records) >= maxRecords {
		j.records = slices.Clone(j.records[maxRecords/2:])
	}
	if n := len(j.records); n > 0 {
		r.ID = j.records[n-1].ID + 1
	}
	j.state++
	r.state = j.state
	if r.At == 0 {
		r.At = time.Now().UnixMilli()
	}
	j.records = append(j.records, r)
	return r.ID
}

// start records the start of a request or call, for finish.
func (j *Journal) start(r record) (id int, startedAt time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch r.Kind {
	case "request":
		j.counts.Requests++
	case "call":
		j.counts.Calls[r.Name]++
	}
	startedAt = time.Now()
	r.At, r.Duration = startedAt.UnixMilli(), runningDuration
	return j.addLocked(r), startedAt
}

// finish records the end of a request or call. It does nothing if the journal has
// evicted the record.
func (j *Journal) finish(id int, startedAt time.Time, status int) {
	duration := time.Since(startedAt)
	j.mu.Lock()
	defer j.mu.Unlock()
	i := id - j.records[0].ID
	if i < 0 {
		return
	}
	j.state++
	r := &j.records[i]
	r.Status, r.Duration, r.state = status, duration.Milliseconds(), j.state
}

// history is the response that the page polls.
type history struct {
	StartedAt int64    `json:"started"` // identifies the server process
	Now       int64    `json:"now"`
	State     int      `json:"state"`
	Mode      string   `json:"mode"`
	Counts    counts   `json:"counts"`
	Records   []record `json:"records"` // the new and the changed ones
}

// ServeHTTP responds with the changes since the state in the query parameter
// "after", or with all records without it.
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.FormValue("after"))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(j.changesSince(after)) // fails only if the client is gone
}

func (j *Journal) changesSince(state int) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := history{j.startedAt, time.Now().UnixMilli(), j.state, j.mode, j.counts, []record{}}
	for _, r := range j.records {
		if r.state > state {
			h.Records = append(h.Records, r)
		}
	}
	body, err := json.Marshal(h)
	if err != nil {
		panic(err) // numbers and strings always marshal
	}
	return body
}
