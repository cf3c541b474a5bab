package page

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// maxRecords is far more than a time line of some minutes shows.
const maxRecords = 2000

// underWay is the duration of what has not ended.
const underWay = -1

// record is one thing on the time line. It holds no user and no secret.
type record struct {
	ID     int    `json:"id"`
	Kind   string `json:"kind"` // "request", "call", "outcome" or "upstream"
	Name   string `json:"name"` // of the path, the endpoint, the outcome or the mode
	Tab    string `json:"tab,omitempty"`
	Op     string `json:"op,omitempty"` // of an outcome
	Status int    `json:"status,omitempty"`
	At     int64  `json:"at"`               // ms since 1970
	Took   int64  `json:"took"`             // ms, or underWay
	Served int    `json:"served,omitempty"` // the requests that one refresh has served

	token   string // names the refresh token of an outcome
	changed int    // the state of the journal that this belongs to
}

// counts are the totals since the start.
type counts struct {
	Requests  int            `json:"requests"`
	Refreshes int            `json:"refreshes"`
	Calls     map[string]int `json:"calls"` // by endpoint
}

// A Journal knows what the page draws: the site's requests, what became of
// sessions, and the calls to Crossmint. It serves them as JSON, to anybody: a
// site in production has no use for it.
type Journal struct {
	started int64

	mu      sync.Mutex // guards all below
	state   int        // grows with every change
	records []record   // the oldest first; their IDs are consecutive
	counts  counts
	mode    string // of upstream
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal {
	return &Journal{started: time.Now().UnixMilli(), counts: counts{Calls: map[string]int{}}, mode: up}
}

// add appends r and returns its ID. The mutex is held.
func (j *Journal) add(r record) int {
	if len(j.records) >= maxRecords {
		j.records = slices.Clone(j.records[maxRecords/2:])
	}
	if n := len(j.records); n > 0 {
		r.ID = j.records[n-1].ID + 1
	}
	j.state++
	r.changed = j.state
	if r.At == 0 {
		r.At = time.Now().UnixMilli()
	}
	j.records = append(j.records, r)
	return r.ID
}

// begin notes what has begun. The function that it returns notes the end.
func (j *Journal) begin(r record) (end func(status int)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch r.Kind {
	case "request":
		j.counts.Requests++
	case "call":
		j.counts.Calls[r.Name]++
	}
	start := time.Now()
	r.At, r.Took = start.UnixMilli(), underWay
	id := j.add(r)
	return func(status int) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if i := id - j.records[0].ID; i >= 0 { // else it is too old by now
			j.state++
			j.records[i].Status, j.records[i].Took, j.records[i].changed = status, time.Since(start).Milliseconds(), j.state
		}
	}
}

// history is what the page asks for again and again.
type history struct {
	Started int64    `json:"started"` // of the server: a new one has another past
	Now     int64    `json:"now"`
	State   int      `json:"state"`
	Mode    string   `json:"mode"`
	Counts  counts   `json:"counts"`
	Records []record `json:"records"` // those that are new, or have changed
}

// ServeHTTP answers with what has changed since the state in the query
// parameter "after".
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.FormValue("after")) // else everything
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(j.since(after)) // the browser may be gone
}

func (j *Journal) since(after int) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := history{j.started, time.Now().UnixMilli(), j.state, j.mode, j.counts, []record{}}
	for _, r := range j.records {
		if r.changed > after {
			h.Records = append(h.Records, r)
		}
	}
	body, err := json.Marshal(h)
	if err != nil {
		panic(err) // it is all numbers and texts
	}
	return body
}
