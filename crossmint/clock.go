package crossmint

import (
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// maxClockSkew is the difference to upstream's clock up to which the clock of this
// machine counts as right. It is above the leeway of most clocks and far below the
// lifetime of a JWT.
const maxClockSkew = time.Minute

// A clock compares the clock of this machine with that of upstream, by the header
// Date of its responses (RFC 9110 §6.6.1).
type clock struct {
	logger *slog.Logger
	warned atomic.Bool
	wrong  atomic.Pointer[clockReading] // nil while the difference is small
}

// A clockReading is the time on both clocks at one moment.
type clockReading struct{ local, upstream time.Time }

func (r *clockReading) String() string {
	skew, direction := r.local.Sub(r.upstream), "ahead of"
	if skew < 0 {
		skew, direction = -skew, "behind"
	}
	return fmt.Sprintf("this machine's clock (%s) is %v %s upstream's (%s)", r.local.UTC().Format(time.RFC3339),
		skew.Round(time.Second), direction, r.upstream.UTC().Format(time.RFC3339))
}

// observe reads the header of the response to a request that was sent and answered
// at the given times. It logs the first large difference.
func (c *clock) observe(header http.Header, sent, received time.Time) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	// A cache leaves Date as it was and adds Age, in seconds (RFC 9111 §5.1).
	age, _ := strconv.ParseUint(header.Get("Age"), 10, 31)
	date = date.Add(time.Duration(age) * time.Second)
	reading := &clockReading{received, date}
	if sent.Sub(date) < maxClockSkew && date.Sub(received) < maxClockSkew {
		c.wrong.Store(nil)
		return
	}
	c.wrong.Store(reading)
	if c.warned.CompareAndSwap(false, true) {
		c.logger.Warn("crossmint: look at the clock: " + reading.String())
	}
}

// explain adds the state of the clock to the error for a correctly signed JWT that
// the clock makes invalid.
func (c *clock) explain(err error) error {
	reading := c.wrong.Load()
	if reading == nil {
		return fmt.Errorf("%w; look at the clock", err)
	}
	return fmt.Errorf("%w; look at the clock: %v", err, reading)
}
