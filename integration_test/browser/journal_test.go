package browser_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// visit is one request to the site, and what became of it.
type visit struct {
	Method, Path string
	FetchSite    string   // Sec-Fetch-Site
	Cookies      []string // the names that arrived, in order
	Status       int
	Set          []string // the names that the answer sets or expires
}

// journal records the requests to a site, in the order of their answers.
type journal struct {
	mu      sync.Mutex // guards all below
	arrived map[string]int
	visits  []visit
}

// record returns next with its requests recorded.
func (j *journal) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		j.arrive(r.URL.Path)
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		j.add(visit{
			r.Method, r.URL.Path, r.Header.Get("Sec-Fetch-Site"), cookieNames(r.Cookies()),
			answer.status, cookieNames((&http.Response{Header: w.Header()}).Cookies()),
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

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

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

// arrivals returns how many requests to the path have come, answered or not.
func (j *journal) arrivals(path string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.arrived[path]
}

// to returns the answered requests to the path.
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

// last returns the last answered request to the path.
func (j *journal) last(path string) visit {
	found := j.to(path)
	if len(found) == 0 {
		return visit{}
	}
	return found[len(found)-1]
}

// String tells all, a line each, without any value of a cookie.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, v := range j.visits {
		fmt.Fprintf(&b, "%s %s from %s with %v: %d, set %v\n", v.Method, v.Path, v.FetchSite, v.Cookies, v.Status, v.Set)
	}
	return b.String()
}
