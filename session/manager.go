package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/eventhook"
	"github.com/crossmint-go/auth/internal/limit"
	"github.com/crossmint-go/auth/session/event"
)

// Config configures a [Manager]. Only Upstream is required; the zero value of
// every other field is the safe choice.
type Config struct {
	// Upstream issues and verifies sessions: a *crossmint.Client.
	Upstream Upstream
	// Coordinator is shared by the instances of a fleet. nil: this process
	// alone. The Manager closes it.
	Coordinator Coordinator
	// AllowJWTAlone accepts a valid JWT without a refresh token. The documented
	// getSession rejects it, because such a session cannot be renewed.
	AllowJWTAlone bool

	// Grace is the time, from the delivery of the new cookies on, for which
	// requests with the old token get the result of its refresh. 0 means 10 s;
	// at most 60 s.
	Grace time.Duration
	// RefreshTimeout is the time that a request waits for its refresh. 0 means
	// 10 s.
	RefreshTimeout time.Duration
	// RefreshBudget is the time that [Manager.Refresh] waits and retries.
	// 0 means 8 s. The server's write timeout must be longer.
	RefreshBudget time.Duration
	// LogoutTimeout is the time that [Manager.Logout] waits for upstream.
	// 0 means 3 s.
	LogoutTimeout time.Duration
	// EarlyRefreshTimeout is the time that a request waits for a refresh that
	// is not due yet. 0 means 250 ms. Without a Coordinator it waits for
	// RefreshTimeout, because other processes would not find the result.
	EarlyRefreshTimeout time.Duration
	// StaleFor makes [Manager.Refresh] respond with a correctly signed JWT
	// that has expired less than this ago, while upstream is unavailable. It is
	// for pages with Crossmint's browser client, which logs itself out on any
	// other response. Middleware and FromContext do not accept such a session.
	// 0: off; at most 24 h.
	StaleFor time.Duration

	// OnEvent receives every outcome except event.Allowed. It may be called
	// concurrently, delays the request that it reports, and must not block. A
	// panic in it is recovered and logged. nil: [event.Log] writes the events
	// to Logger.
	OnEvent func(context.Context, event.Event)
	// ReportAllowed reports requests with a valid JWT, too.
	ReportAllowed bool
	// Logger is used where OnEvent is nil, and for panics of OnEvent. nil:
	// slog.Default().
	Logger *slog.Logger
}

// Defaults and bounds of a Config.
const (
	defaultRefreshTimeout      = 10 * time.Second
	defaultRefreshBudget       = 8 * time.Second
	defaultLogoutTimeout       = 3 * time.Second
	defaultEarlyRefreshTimeout = 250 * time.Millisecond
	// maxStaleFor keeps a forgotten setting from serving last month's JWT.
	maxStaleFor = 24 * time.Hour
	// closeTimeout bounds the time for which Close lets refreshes finish.
	closeTimeout = 10 * time.Second
)

// check sets defaults and reports all faults.
func (c *Config) check() error {
	var faults []error
	switch {
	case c.Upstream == nil:
		faults = append(faults, errors.New("session: Upstream is required"))
	case isNilPointer(c.Upstream):
		faults = append(faults, fmt.Errorf("session: Upstream is a nil %T: check the error of the function that returned it", c.Upstream))
	}
	if isNilPointer(c.Coordinator) {
		faults = append(faults, fmt.Errorf("session: Coordinator is a nil %T: leave the field out, or check the error of the function that returned it", c.Coordinator))
	}
	duration := func(name string, d *time.Duration, fallback, most time.Duration) {
		if *d == 0 {
			*d = fallback
		}
		if *d < 0 || *d > most {
			faults = append(faults, fmt.Errorf("session: %s must be between 0 and %v", name, most))
		}
	}
	duration("Grace", &c.Grace, bounds.DefaultGrace, bounds.MaxGrace)
	duration("RefreshTimeout", &c.RefreshTimeout, defaultRefreshTimeout, callTimeout)
	duration("RefreshBudget", &c.RefreshBudget, defaultRefreshBudget, callTimeout)
	duration("LogoutTimeout", &c.LogoutTimeout, defaultLogoutTimeout, callTimeout)
	duration("EarlyRefreshTimeout", &c.EarlyRefreshTimeout, defaultEarlyRefreshTimeout, callTimeout)
	duration("StaleFor", &c.StaleFor, 0, maxStaleFor)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.OnEvent == nil {
		c.OnEvent = event.Log(c.Logger)
	}
	return errors.Join(faults...)
}

// isNilPointer reports whether an interface holds a nil pointer, which is not equal
// to nil.
func isNilPointer(v any) bool {
	value := reflect.ValueOf(v)
	return value.Kind() == reflect.Pointer && value.IsNil()
}

// A Manager decides whether a request has a session. It verifies, refreshes and
// ends sessions, and knows nothing of HTTP. It is safe for concurrent use.
type Manager struct {
	config      Config
	upstream    Upstream
	coordinator *localCoordinator
	hasher      *hasher
	limiters    *limiters
	backoff     *tokenBackoff
	keyMonitor  keyMonitor
	refusals    *refusals
	revocations *limit.Concurrency
	denied      denyList
	connections connections

	lastRefresh atomic.Int64 // in ns since 1970; 0: none yet
}

// NewManager checks config and returns a Manager. One error reports all
// faults. The Manager starts no goroutine before the first refresh; a
// Config.Coordinator that is a [DenyListBroadcaster] may.
func NewManager(config Config) (*Manager, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	m := &Manager{
		config: config, upstream: config.Upstream, hasher: newHasher(),
		limiters: newLimiters(min(config.RefreshTimeout, config.RefreshBudget)), backoff: newTokenBackoff(),
		refusals: newRefusals(), revocations: limit.NewConcurrency(maxRevocations),
	}
	m.coordinator = newLocalCoordinator(config.Coordinator, m.hasher, config.Grace, m.report)
	m.subscribeDenials()
	return m, nil
}

// Report passes an event to Config.OnEvent, for what happens outside of the Manager:
// package handlers reports the codes of sign-ins, and middleware mistakes in the setup.
func (m *Manager) Report(ctx context.Context, e event.Event) { m.report(ctx, e) }

// report passes an event to the hook. A panic of the hook must not cost a
// request its cookies.
func (m *Manager) report(ctx context.Context, e event.Event) {
	eventhook.Call(ctx, m.config.OnEvent, m.config.Logger, e)
}

// recoverPanic converts a panic of f into an error. A panic in a goroutine of
// this package would end the process.
func recoverPanic(ctx context.Context, report func(context.Context, event.Event), op string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = unavailable(op, fmt.Errorf("panic: %v", r))
			report(ctx, event.Event{Outcome: event.Panicked, Op: op, Err: err})
		}
	}()
	return f()
}

// Close lets refreshes in flight finish until ctx ends, for 10 s at most, and
// then cancels them. Later requests that need a refresh get [ErrUnavailable];
// those with a valid JWT are not affected. Close also closes
// Config.Coordinator. Call it after the shutdown of the HTTP server.
func (m *Manager) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	return m.coordinator.Close(ctx)
}

// Health is the state of a [Manager], for health checks and metrics.
type Health struct {
	// LastRefresh is the time at which upstream last accepted a refresh; zero:
	// never.
	LastRefresh time.Time
	// RefreshesInFlight counts the refreshes that run now.
	RefreshesInFlight int
	// Waiting counts the requests that wait for them.
	Waiting int
	// RejectionsSuspended reports that upstream has rejected many users and
	// accepted none, so that refusals delete no cookies: check the API key.
	RejectionsSuspended bool
	// KeysFetchedAt is the time at which the signing keys were fetched; zero:
	// never, or the Upstream does not tell.
	KeysFetchedAt time.Time
	// RefreshTimeout and RefreshBudget are those of Config, or their defaults. The
	// write timeout of a server must be longer.
	RefreshTimeout, RefreshBudget time.Duration
}

// Health returns a snapshot.
func (m *Manager) Health() Health {
	h := Health{
		RejectionsSuspended: m.keyMonitor.isSuspect(),
		RefreshTimeout:      m.config.RefreshTimeout, RefreshBudget: m.config.RefreshBudget,
	}
	if ns := m.lastRefresh.Load(); ns != 0 {
		h.LastRefresh = time.Unix(0, ns)
	}
	h.RefreshesInFlight, h.Waiting = m.coordinator.stats()
	if keys, ok := m.upstream.(interface{ KeysFetchedAt() time.Time }); ok {
		h.KeysFetchedAt = keys.KeysFetchedAt()
	}
	return h
}
