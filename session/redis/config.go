package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/redis/rueidis"
)

// Config configures the Coordinator of [New]. URL and Secret are required; the zero
// value of every other field is the safe choice.
type Config struct {
	// URL is the address of the store: rediss://user:password@host:6379/0.
	// Further nodes of a cluster are added as ?addr=host:port, and
	// ?master_set=name makes the hosts sentinels. ?protocol=2 is for a store
	// that has no RESP3. A store on this machine may be reached by redis:// or
	// unix://. The URL is a secret, because it may hold a password.
	URL session.Secret
	// Credentials returns the user and the password of the store for each new
	// connection, in place of those in the URL, if they change while the program
	// runs. nil: the URL has them.
	Credentials func() (user string, password session.Secret, err error)
	// SentinelUser and SentinelPassword are the credentials of the sentinels. They
	// are not those of the store.
	SentinelUser     string
	SentinelPassword session.Secret
	// TLS replaces the TLS configuration of a rediss:// URL, for example to set
	// the roots of the store's certificate. It must verify the certificate. Without
	// a ServerName the certificate of a node must have the name or the address of
	// that node, or the first host of the URL.
	TLS *tls.Config
	// InsecureAllowPlaintext allows redis:// to other machines. Tokens stay
	// encrypted; the store's password and the times of refreshes do not.
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
// neither dials nor starts a goroutine, so an application starts without its store,
// too.
func New(config Config) (*fleet.Coordinator, error) {
	option, err := config.options()
	c, fleetErr := fleet.New(fleet.Config{
		Store:  newStore(option),
		Secret: config.Secret, PreviousSecret: config.PreviousSecret,
		Grace: config.Grace, Timeout: config.Timeout, OnEvent: config.OnEvent, Logger: config.Logger,
	})
	if err := errors.Join(fleetErr, err); err != nil {
		return nil, err
	}
	return c, nil
}

// Settings of the client.
const (
	// connectTimeout is the timeout for making a connection, and for a response to
	// the ping that an idle connection gets every pingInterval. No request waits
	// for either. A thousand idle instances send fewer than ten pings a second.
	connectTimeout = 2 * time.Second
	pingInterval   = 2 * time.Minute
	bufferBytes    = 64 << 10
)

// errURL does not repeat the URL: it holds a password.
var errURL = errors.New("redis: URL must be as rediss://user:password@host:6379/0")

// options returns the client's options.
func (c *Config) options() (rueidis.ClientOption, error) {
	option, err := rueidis.ParseURL(c.URL.Reveal())
	if err != nil || c.URL.IsZero() {
		return option, errURL
	}
	if c.TLS != nil {
		option.TLSConfig = c.TLS.Clone()
	}
	switch {
	case option.TLSConfig != nil && option.TLSConfig.InsecureSkipVerify:
		return option, errors.New("redis: TLS must verify the store's certificate: give its roots in TLS.RootCAs")
	case option.TLSConfig == nil && !c.InsecureAllowPlaintext && !isLocal(&option):
		return option, errors.New("redis: URL must be rediss:// for a store on another machine, unless InsecureAllowPlaintext is set")
	}
	option.Dialer = netutil.NewDialer(connectTimeout)
	option.Dialer.KeepAlive = pingInterval // which the client takes from here
	if option.TLSConfig == nil && !c.InsecureAllowPlaintext && option.DialCtxFn == nil {
		option.Dialer.Control = netutil.OnlyLoopback // a cluster and sentinels name further nodes
	}
	if option.TLSConfig != nil && (c.TLS == nil || c.TLS.ServerName == "") && option.DialCtxFn == nil {
		option.TLSConfig.ServerName, _, _ = net.SplitHostPort(option.InitAddress[0]) // it is an address
		option.DialCtxFn = dialTLS
	}
	option.Sentinel.TLSConfig = option.TLSConfig
	option.Sentinel.Dialer = option.Dialer
	if !c.SentinelPassword.IsZero() {
		option.Sentinel.Username, option.Sentinel.Password = c.SentinelUser, c.SentinelPassword.Reveal()
	}
	if c.Credentials != nil {
		option.AuthCredentialsFn = func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
			user, password, err := c.Credentials()
			return rueidis.AuthCredentials{Username: user, Password: password.Reveal()}, err
		}
	}
	option.ConnWriteTimeout = connectTimeout
	option.ReadBufferEachConn, option.WriteBufferEachConn = bufferBytes, bufferBytes
	option.PipelineMultiplex = -1 // one connection is enough
	option.AlwaysPipelining = true
	option.DisableCache = true
	option.DisableRetry = true // a refresh must not wait for it
	return option, nil
}

// dialTLS connects to a node. Its certificate has the name or address of the node, or
// the host of the URL: a cluster and sentinels name nodes in either way.
func dialTLS(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	d := tls.Dialer{NetDialer: dialer, Config: config.Clone()}
	d.Config.ServerName = "" // the host of the address
	conn, err := d.DialContext(ctx, "tcp", address)
	var mismatch x509.HostnameError
	if errors.As(err, &mismatch) {
		d.Config.ServerName = config.ServerName
		return d.DialContext(ctx, "tcp", address)
	}
	return conn, err
}

// isLocal reports whether the store is on this machine.
func isLocal(option *rueidis.ClientOption) bool {
	if option.DialCtxFn != nil {
		return true // a unix socket
	}
	for _, address := range option.InitAddress {
		host, _, err := net.SplitHostPort(address)
		if err != nil || !netutil.IsLoopback(host) {
			return false
		}
	}
	return true
}
