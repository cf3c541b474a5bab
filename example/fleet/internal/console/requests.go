package console

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/crossmint-go/auth/example/fleet/internal/balancer"
)

// atOnce is the number of concurrent requests. They are sent from here, with the
// browser's cookies, because a browser opens no more than six connections.
const atOnce = 50

// herd is the result of the requests.
type herd struct {
	mu        sync.Mutex     // guards all below
	Requests  int            `json:"requests"`
	Statuses  map[string]int `json:"statuses"`
	Instances map[string]int `json:"instances"`
	// Cookies is the number of different sets of cookies in the responses.
	Cookies int `json:"cookies"`
	// Upstream is the instances that asked for a refresh meanwhile.
	Upstream []string `json:"upstream"`
	Millis   int64    `json:"millis"`

	sets map[string][]string
}

// requests sends concurrent requests, and gives the browser the cookies of their
// responses. With ?expired their JWT has expired.
func (c *console) requests(w http.ResponseWriter, r *http.Request) {
	cookies := r.Cookies()
	if r.FormValue("expired") != "" {
		cookies = c.expired(cookies)
	}
	before, began := len(c.upstream.Askers(0)), time.Now()
	h := &herd{Requests: atOnce, Statuses: map[string]int{}, Instances: map[string]int{}, sets: map[string][]string{}}
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() { h.add(c.get(r, cookies)) })
	}
	all.Wait()
	h.Upstream, h.Millis, h.Cookies = c.upstream.Askers(before), time.Since(began).Milliseconds(), len(h.sets)
	for _, set := range h.sets {
		w.Header()["Set-Cookie"] = set
	}
	writeJSON(w, http.StatusOK, h)
}

// expired returns the cookies with an expired JWT.
func (c *console) expired(cookies []*http.Cookie) []*http.Cookie {
	changed := []*http.Cookie{{Name: sessionCookie, Value: c.upstream.ExpiredJWT()}}
	for _, cookie := range cookies {
		if cookie.Name != sessionCookie {
			changed = append(changed, cookie)
		}
	}
	return changed
}

// get sends one request through the balancer, as the browser of r would.
func (c *console) get(r *http.Request, cookies []*http.Cookie) *http.Response {
	out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://"+r.Host+"/api/me", nil)
	if err != nil {
		return nil
	}
	for _, cookie := range cookies {
		out.AddCookie(cookie)
	}
	res, err := c.balancer.RoundTrip(out)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection can be used again
	_ = res.Body.Close()
	return res
}

// add counts a response; nil means none.
func (h *herd) add(res *http.Response) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if res == nil {
		h.Statuses["no response"]++
		return
	}
	h.Statuses[strconv.Itoa(res.StatusCode)]++
	h.Instances[res.Header.Get(balancer.Header)]++
	var values []string // without Max-Age, which counts down
	for _, cookie := range res.Cookies() {
		values = append(values, cookie.Name+"="+cookie.Value)
	}
	if len(values) > 0 {
		h.sets[strings.Join(values, "\n")] = res.Header["Set-Cookie"]
	}
}
