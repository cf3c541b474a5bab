package crossmint

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/crossmint/internal/clock"
)

// A clockMonitor compares the clock of this machine with that of upstream.
type clockMonitor struct {
	logger *slog.Logger
	warned atomic.Bool
	wrong  atomic.Pointer[clock.Reading] // nil while the difference is small
}

// observe reads the header of a response to a request that was sent at the given
// time. It logs the first large difference.
func (m *clockMonitor) observe(header http.Header, sent time.Time) {
	received := time.Now()
	reading, ok := clock.Read(header, received)
	switch {
	case !ok:
	case !reading.IsWrong(received.Sub(sent)):
		m.wrong.Store(nil)
	default:
		m.wrong.Store(&reading)
		if m.warned.CompareAndSwap(false, true) {
			m.logger.Warn("crossmint: look at the clock: " + reading.String())
		}
	}
}

// explain adds the state of the clock to the error for a correctly signed JWT that
// the clock makes invalid.
func (m *clockMonitor) explain(err error) error {
	reading := m.wrong.Load()
	if reading == nil {
		return fmt.Errorf("%w; look at the clock", err)
	}
	return fmt.Errorf("%w; look at the clock: %v", err, reading)
}
