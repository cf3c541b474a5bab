// Package clock compares the clock of this machine with that of a server, by the
// header Date of its responses.
package clock

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// MaxSkew is the difference up to which the clock of this machine counts as right.
// It is above the usual difference of two machines and far below the lifetime of a
// JWT.
const MaxSkew = time.Minute

// A Reading is the time on both clocks at one moment.
type Reading struct{ Local, Upstream time.Time }

// Read returns the times at the moment when a response arrived. It returns false for
// a response without a Date (RFC 9110 §6.6.1).
func Read(header http.Header, received time.Time) (Reading, bool) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return Reading{}, false
	}
	// A cache leaves Date as it was and adds Age, in seconds (RFC 9111 §5.1).
	if age, err := strconv.ParseUint(header.Get("Age"), 10, 31); err == nil {
		date = date.Add(time.Duration(age) * time.Second)
	}
	return Reading{received, date}, true
}

// IsWrong reports whether the clocks differ by more than MaxSkew. The request took
// the given time, and the server may have written Date at any moment of it.
func (r Reading) IsWrong(took time.Duration) bool {
	skew := r.skew()
	return skew < -MaxSkew || skew > MaxSkew+took
}

// skew is positive where the clock of this machine is ahead.
func (r Reading) skew() time.Duration { return r.Local.Sub(r.Upstream) }

func (r Reading) String() string {
	skew, direction := r.skew(), "ahead of"
	if skew < 0 {
		skew, direction = -skew, "behind"
	}
	return fmt.Sprintf("this machine's clock (%s) is %v %s upstream's (%s)", r.Local.UTC().Format(time.RFC3339),
		skew.Round(time.Second), direction, r.Upstream.UTC().Format(time.RFC3339))
}
