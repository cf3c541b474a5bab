package browser_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// visit is one request to the site with its response.
type visit struct {
	Method, Path string
	FetchSite    string   // Sec-Fetch-Site
	Cookies      []string // the sorted names in the request
	Status       int
	Set          []string // the names that the response sets or deletes
}

// journal records the requests to a site, in the order of their responses.
type journal struct {
	mu      sync.Mutex // guards all below
	arrived map[string]int
	visits  []visit
}

// record returns next with its requests recorded.
func (j *journal) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.arrive(r.URL.Path)
		response := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(response, r)
		j.add(visit{
			r.Method, r.URL.Path, r.Header.Get("Sec-Fetch-Site"), cookieNames(r.Cookies()),
			response.status, cookieNames((&http.Response{Header: w.Header()}).Cookies()),
		})
	})
}

func cookieNames(cookies []*http.Cookie) []string {
	var names []string
	for _, c := range cookies {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// statusWriter records the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController and WebSockets reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (j *journal) arrive(path string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.arrived == nil {
		j.arrived = map[string]int{}
	}
	j.arrived[path]++
}

func (j *journal) add(v visit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.visits = append(j.visits, v)
}

// arrivals returns the number of requests to the path, with or without a response yet.
func (j *journal) arrivals(path string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.arrived[path]
}

// to returns the finished requests to the path.
func (j *journal) to(path string) []visit {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []visit
	for _, v := range j.visits {
		if v.Path == path {
			found = append(found, v)
		}
	}
	return found
}

// count returns the number of responses with the status.
func (j *journal) count(status int) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, v := range j.visits {
		if v.Status == status {
			n++
		}
	}
	return n
}

// last returns the last finished request to the path.
func (j *journal) last(path string) visit {
	found := j.to(path)
	if len(found) == 0 {
		return visit{}
	}
	return found[len(found)-1]
}

// String returns a line for each request, without cookie values.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, v := range j.visits {
		fmt.Fprintf(&b, "%s %s from %s with %v: %d, set %v\n", v.Method, v.Path, v.FetchSite, v.Cookies, v.Status, v.Set)
	}
	return b.String()
}
