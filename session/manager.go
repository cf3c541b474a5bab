package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Config configures a [Manager]. Only Upstream is required; the zero value of
// every other field is the safe choice.
type Config struct {
	// Upstream issues and verifies sessions: a *crossmint.Client.
	Upstream Upstream
	// Coordinator is shared by the instances of a fleet. nil: this process
	// alone. The Manager closes it.
	Coordinator Coordinator
	// AllowJWTAlone takes a valid JWT without a refresh token. The documented
	// getSession rejects it, since such a session cannot be renewed.
	AllowJWTAlone bool

	// Grace is how long the answer of a refresh is given to requests that
	// still bring the old token. 0 means 10 s; at most 60 s.
	Grace time.Duration
	// Patience is how long a request waits for its refresh. 0 means 10 s.
	Patience time.Duration
	// RefreshBudget is how long [Manager.Refresh] waits and tries again.
	// 0 means 8 s. The server's write timeout must be longer.
	RefreshBudget time.Duration
	// LogoutPatience is how long [Manager.Logout] waits for upstream.
	// 0 means 3 s.
	LogoutPatience time.Duration
	// EarlyRefreshWait is how long a request waits for a refresh that is not
	// due yet. 0 means 250 ms.
	EarlyRefreshWait time.Duration
	// StaleFor lets [Manager.Refresh] answer with a correctly signed JWT that
	// expired less than this ago while upstream is unavailable. It is for
	// pages with Crossmint's browser client, which logs itself out on any
	// other answer; it opens nothing. 0: off.
	StaleFor time.Duration

	// OnEvent receives every outcome except [Allowed]. It may be called
	// concurrently, delays the request that it reports, and must not block.
	// A panic in it is contained. nil: Logger receives the events; a hook that
	// wants both calls that of [LogEvents].
	OnEvent func(context.Context, Event)
	// ReportAllowed reports requests with a valid JWT, too.
	ReportAllowed bool
	// Logger receives the events where OnEvent is nil, and OnEvent's panics
	// where it is not. nil: slog.Default().
	Logger *slog.Logger
}

// Defaults and bounds of a Config.
const (
	defaultGrace            = 10 * time.Second
	maxGrace                = 60 * time.Second
	defaultPatience         = 10 * time.Second
	defaultRefreshBudget    = 8 * time.Second
	defaultLogoutPatience   = 3 * time.Second
	defaultEarlyRefreshWait = 250 * time.Millisecond
	// maxStaleFor keeps a forgotten setting from serving last month's JWT.
	maxStaleFor = 24 * time.Hour
	// closePatience bounds how long Close lets refreshes finish.
	closePatience = 10 * time.Second
)

// check fills defaults in and reports all faults.
func (c *Config) check() error {
	var faults []error
	if c.Upstream == nil {
		faults = append(faults, errors.New("session: Upstream is required"))
	}
	duration := func(name string, d *time.Duration, fallback, most time.Duration) {
		if *d == 0 {
			*d = fallback
		}
		if *d < 0 || *d > most {
			faults = append(faults, fmt.Errorf("session: %s must be between 0 and %v", name, most))
		}
	}
	duration("Grace", &c.Grace, defaultGrace, maxGrace)
	duration("Patience", &c.Patience, defaultPatience, flightTimeout)
	duration("RefreshBudget", &c.RefreshBudget, defaultRefreshBudget, flightTimeout)
	duration("LogoutPatience", &c.LogoutPatience, defaultLogoutPatience, flightTimeout)
	duration("EarlyRefreshWait", &c.EarlyRefreshWait, defaultEarlyRefreshWait, flightTimeout)
	duration("StaleFor", &c.StaleFor, 0, maxStaleFor)
	return errors.Join(faults...)
}

// A Manager decides what becomes of a request's session: it verifies,
// refreshes and ends sessions, and knows nothing of HTTP. It is safe for
// concurrent use.
type Manager struct {
	config      Config
	upstream    Upstream
	coordinator *local
	hasher      *hasher
	bucket      *bucket // of refreshes
	leaving     *bucket // of logouts
	crowds      crowds
	keyGuard    keyGuard
	early       *earlyFailures
	live        connections
	admitted    fate
	report      func(context.Context, Event)

	lastSuccess atomic.Int64 // of a refresh, in ns since 1970; 0: none yet
}

// NewManager checks config and returns a Manager. All faults are reported in
// one error. It starts no goroutine before there is a refresh to make; a
// Config.Coordinator that is a [Denier] may.
func NewManager(config Config) (*Manager, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	m := &Manager{
		config: config, upstream: config.Upstream, hasher: newHasher(), bucket: newBucket(), leaving: newBucket(), early: newEarlyFailures(),
		report: newReporter(config),
	}
	m.admitted.owner = m
	m.coordinator = newLocal(config.Coordinator, m.hasher, config.Grace, m.report)
	m.learnDenials()
	return m, nil
}

// Close lets refreshes in flight finish, until ctx ends and for 10 s at most,
// and then ends them. Requests that need a refresh afterwards get
// [ErrUnavailable]; those with a valid JWT are not affected. It closes
// Config.Coordinator, too. Close it after the HTTP server.
func (m *Manager) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closePatience)
	defer cancel()
	return m.coordinator.Close(ctx)
}

// Health is a look at a [Manager], for health checks and metrics.
type Health struct {
	// LastRefresh is when upstream last accepted a refresh; zero: never.
	LastRefresh time.Time
	// RefreshesInFlight counts the refreshes that run now.
	RefreshesInFlight int
	// Waiting counts the requests that wait for them.
	Waiting int
	// RefusalsDoubted reports that so many users were refused, and none
	// accepted, that refusals clear no cookies: look at the API key.
	RefusalsDoubted bool
	// KeysFetchedAt is when the signing keys were fetched; zero: never, or
	// the Upstream does not tell.
	KeysFetchedAt time.Time
}

// Health returns a snapshot.
func (m *Manager) Health() Health {
	h := Health{RefusalsDoubted: m.keyGuard.doubts()}
	if ns := m.lastSuccess.Load(); ns != 0 {
		h.LastRefresh = time.Unix(0, ns)
	}
	h.RefreshesInFlight, h.Waiting = m.coordinator.load()
	if keys, ok := m.upstream.(interface{ KeysFetchedAt() time.Time }); ok {
		h.KeysFetchedAt = keys.KeysFetchedAt()
	}
	return h
}
