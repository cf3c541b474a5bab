package reply

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/crossmint-go/auth/session"
)

// defaultRetryAfter is the delay where upstream asks for none.
const defaultRetryAfter = time.Second

// RetryAfter sets the Retry-After header, in whole seconds (RFC 9110 §10.2.3),
// if there is no decision.
func RetryAfter(w http.ResponseWriter, err error) {
	if isUnavailable(err) {
		w.Header().Set("Retry-After", wholeSeconds(retryDelay(err)))
	}
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// retryDelay returns the delay that upstream asks for, or the default.
func retryDelay(err error) time.Duration {
	var upstreamErr *session.UpstreamError
	if errors.As(err, &upstreamErr) && upstreamErr.RetryAfter > 0 {
		return upstreamErr.RetryAfter
	}
	return defaultRetryAfter
}

// IsFirstRefusal reports whether the browser should send its request again at once.
func IsFirstRefusal(err error) bool {
	var upstreamErr *session.UpstreamError
	return errors.As(err, &upstreamErr) && upstreamErr.AskAgain
}

// AskAgain responds to a first refusal, with which upstream says nothing certain
// yet. It waits, so that the response of another process can reach the browser,
// and redirects the browser to the same place (307, RFC 9110 §15.4.8). The browser
// then sends the cookies that it has by then. AskAgain reports whether it has
// responded. Location is relative, because a proxy may have rewritten the path.
func AskAgain(w http.ResponseWriter, r *http.Request, err error) bool {
	if !IsFirstRefusal(err) {
		return false
	}
	wait := time.NewTimer(retryDelay(err))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.Context().Done():
	}
	_, query, _ := strings.Cut(cmp.Or(r.RequestURI, r.URL.RequestURI()), "?")
	w.Header().Set("Location", "?"+query)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

// minReloadDelay is the least time after which a page without a decision loads again
// by itself. Each load may wait for upstream.
const minReloadDelay = 10 * time.Second

// isEventSource reports whether an EventSource of a browser sends r. Clients that
// accept other types as well are programs, which understand a status. So do scripts that
// read a stream with fetch, of which some take its end for final: browsers with Fetch
// metadata send Cache-Control: no-cache for an EventSource, and not for a fetch.
func isEventSource(r *http.Request) bool {
	isFetch := r.Header.Get("Sec-Fetch-Mode") != "" && r.Header.Get("Cache-Control") != "no-cache"
	return r.Method == http.MethodGet && r.Header.Get("Accept") == "text/event-stream" && !isFetch
}

// reconnect responds to an EventSource with a stream that ends at once and sets the
// time after which the browser reconnects. After any status but 200 an EventSource
// stays closed: that is right for a 401, since no later try brings the session back,
// but an outage would end the stream of every open page.
func reconnect(w http.ResponseWriter, err error) {
	h := w.Header()
	h.Del("Retry-After")
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "retry: "+strconv.FormatInt(retryDelay(err).Milliseconds(), 10)+"\n\n")
}
