package delivery

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// maxLineBytes is the size of Set-Cookie lines that leaves no room in the
	// smallest buffer that proxies have by default for all headers of a response.
	maxLineBytes = 4 << 10
	// largeWarningInterval is the least time between two warnings of a process.
	largeWarningInterval = time.Minute
)

// lastLargeWarning is the time of the last warning, in nanoseconds since 1970.
var lastLargeWarning atomic.Int64

// WarnLarge logs a warning if the Set-Cookie lines of h are longer than proxies
// accept by default. Such a proxy drops the response, and the refresh token in it is
// lost. It logs once in a minute.
func WarnLarge(ctx context.Context, h http.Header) {
	size := 0
	for _, line := range h["Set-Cookie"] {
		size += len("Set-Cookie: \r\n") + len(line)
	}
	if size <= maxLineBytes {
		return
	}
	last, now := lastLargeWarning.Load(), time.Now().UnixNano()
	if since := time.Duration(now - last); since >= 0 && since < largeWarningInterval || !lastLargeWarning.CompareAndSwap(last, now) {
		return
	}
	slog.WarnContext(ctx, "crossmint: the Set-Cookie lines of a renewed session are long; a proxy with a smaller buffer (nginx: proxy_buffer_size) responds with 502, and the session is lost",
		"bytes", size, "limit", maxLineBytes)
}
