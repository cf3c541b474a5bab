package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// Config configures a [Coordinator]. Store and Secret are required; the zero
// value of every other field is the safe choice.
type Config struct {
	// Store is the store of the fleet. The Coordinator closes it.
	Store Store
	// Secret belongs to the deployment: 32 bytes or more from a random
	// source, the same in all instances. It is not the store's password.
	// Instances with different secrets share nothing.
	Secret session.Secret
	// PreviousSecret is the secret of the instances that do not have Secret yet.
	// While it is set, each operation is made under both secrets. To change the
	// secret without an interruption, give all instances the new Secret and the
	// PreviousSecret, one after the other, and then remove the latter.
	PreviousSecret session.Secret

	// Grace is the time for which requests with the old token get the result
	// of its refresh, after a browser has got it by a later request; see
	// session.Config. 0 means 10 s; at most 60 s.
	Grace time.Duration
	// Timeout bounds one operation of the store. 0 means 1 s; at most 2 s.
	Timeout time.Duration

	// OnEvent receives event.StoreDegraded at the beginning of an outage, and
	// event.StoreRecovered at its end. The Op is "refresh" or "logout": the
	// operation that failed. "logout" also means that the instance does not get
	// the logouts of others, which an idle instance notices, too. OnEvent may be
	// called concurrently and must not block. A panic in it is recovered and
	// logged. nil: event.Log writes the events to Logger.
	OnEvent func(context.Context, event.Event)
	// Logger is used where OnEvent is nil, and for panics of OnEvent. nil:
	// slog.Default().
	Logger *slog.Logger
}

// Defaults and bounds of a Config.
const (
	minSecretBytes = 32
	// defaultTimeout is long enough for a store that is only slow. An instance
	// that gives up refreshes alone, and upstream may get the same token twice.
	defaultTimeout = time.Second
	// maxTimeout leaves time for two renewals of a lock that fail before it
	// expires: each starts renewInterval after the end of the last operation.
	maxTimeout = lockTTL/2 - renewInterval
)

// check sets defaults and reports all faults.
func (c *Config) check() error {
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.OnEvent == nil {
		c.OnEvent = event.Log(c.Logger)
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("fleet: "+format, args...)) }
	if c.Store == nil {
		fault("Store is required")
	}
	if n := len(c.Secret.Reveal()); n < minSecretBytes {
		fault("Secret must have %d bytes or more, not %d", minSecretBytes, n)
	}
	if n := len(c.PreviousSecret.Reveal()); n > 0 && n < minSecretBytes {
		fault("PreviousSecret must have %d bytes or more, not %d", minSecretBytes, n)
	}
	if !c.Secret.IsZero() && c.PreviousSecret.Equal(c.Secret) {
		fault("PreviousSecret must not be Secret")
	}
	duration := func(name string, d *time.Duration, fallback, most time.Duration) {
		if *d == 0 {
			*d = fallback
		}
		if *d < 0 || *d > most {
			fault("%s must be between 0 and %v", name, most)
		}
	}
	duration("Grace", &c.Grace, bounds.DefaultGrace, bounds.MaxGrace)
	duration("Timeout", &c.Timeout, defaultTimeout, maxTimeout)
	return errors.Join(faults...)
}
