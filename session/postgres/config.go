package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"time"

	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config configures a [fleet.Coordinator]. Secret is required, and either URL or
// Pool; the zero value of every other field is the safe choice.
type Config struct {
	// URL is the address of the database:
	// postgres://user:password@host:5432/name?sslmode=verify-full. With several
	// hosts (host1,host2) add target_session_attrs=read-write: the instance then
	// follows a failover. The URL is a secret, because it may hold a password.
	URL session.Secret
	// Pool replaces URL, Password and TLS by a pool of the application, which
	// closes it after the Coordinator.
	Pool *pgxpool.Pool
	// ListenURL is the address for the connection that receives messages. Set it
	// to the database itself if URL or Pool leads to a pooler that has no LISTEN,
	// such as PgBouncer in transaction mode. Empty: the address of URL or Pool.
	ListenURL session.Secret
	// Password returns the password for each new connection, in place of the one
	// in the URLs, if it changes while the program runs. nil: the URLs have it.
	Password func(context.Context) (session.Secret, error)
	// TLS replaces the TLS configuration of the URLs, for example to set the roots
	// of the database's certificate. It must verify the certificate.
	TLS *tls.Config
	// InsecureAllowPlaintext allows connections to other machines without TLS, or
	// with a certificate that is not verified. Tokens stay encrypted; the times of
	// refreshes do not, and the password may not.
	InsecureAllowPlaintext bool

	// The fields below are those of [fleet.Config], which describes them. Secret is
	// required.
	Secret         session.Secret
	PreviousSecret session.Secret
	Grace          time.Duration
	Timeout        time.Duration
	OnEvent        func(context.Context, event.Event)
	Logger         *slog.Logger
}

// New checks config and returns a Coordinator. One error reports all faults. New
// does not dial, so an application starts without its database, too.
func New(config Config) (*fleet.Coordinator, error) {
	s, storeErr := config.newStore()
	c, err := fleet.New(fleet.Config{
		Store: s, Secret: config.Secret, PreviousSecret: config.PreviousSecret,
		Grace: config.Grace, Timeout: config.Timeout, OnEvent: config.OnEvent, Logger: config.Logger,
	})
	if err := errors.Join(err, storeErr); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return c, nil
}

// connectTimeout bounds the connection to one host. No request waits for it.
const connectTimeout = 2 * time.Second

var (
	// errURL does not repeat the URL: it holds a password.
	errURL       = errors.New("postgres: URL and ListenURL must be as postgres://user:password@host:5432/name?sslmode=verify-full")
	errPool      = errors.New("postgres: either URL or Pool is required, not both; Pool has its own TLS and Password")
	errPlaintext = errors.New("postgres: a database on another machine needs sslmode=verify-full or TLS that verifies its certificate, unless InsecureAllowPlaintext is set")
)

// newStore returns a store that is not connected. After an error, it can be closed.
func (c *Config) newStore() (*store, error) {
	s := &store{pool: c.Pool, owns: c.Pool == nil}
	s.stopped, s.stop = context.WithCancel(context.Background())
	if s.owns == c.URL.IsZero() || !s.owns && (c.TLS != nil || c.Password != nil) && c.ListenURL.IsZero() {
		return s, errPool
	}
	var err error
	if !s.owns {
		s.listener, err = c.Pool.Config(), c.secure(&c.Pool.Config().ConnConfig.Config)
	} else if s.listener, err = c.parse(c.URL); err == nil {
		s.pool, err = pgxpool.NewWithConfig(s.stopped, s.listener)
	}
	if err == nil && !c.ListenURL.IsZero() {
		s.listener, err = c.parse(c.ListenURL)
	}
	return s, err
}

// parse returns the configuration of the connections to a URL.
func (c *Config) parse(url session.Secret) (*pgxpool.Config, error) {
	p, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil || url.IsZero() {
		return nil, errURL
	}
	if c.Password != nil {
		p.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) error {
			password, err := c.Password(ctx)
			cc.Password = password.Reveal()
			return err
		}
	}
	p.ConnConfig.ConnectTimeout = connectTimeout
	p.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {} // a pooler may mix them up
	return p, c.secure(&p.ConnConfig.Config)
}

// secure sets the TLS configuration of all hosts. It returns an error unless all
// certificates are verified or all hosts are this machine.
func (c *Config) secure(cc *pgconn.Config) error {
	hosts := append([]*pgconn.FallbackConfig{{Host: cc.Host, Port: cc.Port, TLSConfig: cc.TLSConfig}}, cc.Fallbacks...)
	isVerified, isLocal := true, true
	for _, h := range hosts {
		network, _ := pgconn.NetworkAddress(h.Host, h.Port)
		isSocket := network == "unix"
		if c.TLS != nil && !isSocket {
			h.TLSConfig = c.TLS.Clone()
			if h.TLSConfig.ServerName == "" {
				h.TLSConfig.ServerName = h.Host
			}
		}
		isVerified = isVerified && verifies(h.TLSConfig)
		isLocal = isLocal && (isSocket || netutil.IsLoopback(h.Host))
	}
	cc.TLSConfig, cc.Fallbacks = hosts[0].TLSConfig, hosts[1:]
	dialer := netutil.NewDialer(connectTimeout)
	switch {
	case isVerified || c.InsecureAllowPlaintext:
	case isLocal:
		dialer.Control = netutil.OnlyLoopback
	default:
		return errPlaintext
	}
	cc.DialFunc = dialer.DialContext
	return nil
}

// verifies reports whether a TLS configuration verifies the certificate, at least
// its issuer as sslmode=verify-ca does.
func verifies(c *tls.Config) bool {
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil)
}
