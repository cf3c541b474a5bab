package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/internal/bounds"
	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/redis/rueidis"
)

// Config configures a [Coordinator]. URL and Secret are required; the zero
// value of every other field is the safe choice.
type Config struct {
	// URL is the address of the store: rediss://user:password@host:6379/0.
	// Further nodes of a cluster are added as ?addr=host:port, and
	// ?master_set=name makes the hosts sentinels. A store on this machine may
	// be reached by redis:// or unix://. The URL is a secret, because it may
	// hold a password.
	URL session.Secret
	// Secret belongs to the deployment: 32 bytes or more from a random
	// source, the same in all instances. It is not the store's password.
	// Instances with different secrets share nothing.
	Secret session.Secret
	// TLS replaces the TLS configuration of a rediss:// URL, for example to set
	// the roots of the store's certificate. It must verify the certificate.
	TLS *tls.Config
	// InsecureAllowPlaintext allows redis:// to other machines. Tokens stay
	// encrypted; the store's password and the times of refreshes do not.
	InsecureAllowPlaintext bool

	// Grace is the time for which requests with the old token get the result
	// of its refresh, after another instance has read it for the first time; see
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

// Settings of the client.
const (
	// connectionTimeoutFactor times Config.Timeout is the timeout for making a
	// connection, and for a response to the ping that an idle connection gets
	// every pingInterval. No request waits for either.
	connectionTimeoutFactor = 2
	pingInterval            = 5 * time.Second
	bufferBytes             = 64 << 10
)

// check sets defaults, reports all faults and returns the client's options.
func (c *Config) check() (rueidis.ClientOption, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("redis: "+format, args...)) }
	if n := len(c.Secret.Reveal()); n < minSecretBytes {
		fault("Secret must have %d bytes or more, not %d", minSecretBytes, n)
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
	option, err := c.options()
	return option, errors.Join(append(faults, err)...)
}

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
	option.Dialer = net.Dialer{Timeout: connectionTimeoutFactor * c.Timeout, KeepAlive: pingInterval}
	if option.TLSConfig == nil && !c.InsecureAllowPlaintext && option.DialCtxFn == nil {
		option.Dialer.Control = onlyLoopback
	}
	option.Sentinel.TLSConfig = option.TLSConfig
	option.Sentinel.Dialer = option.Dialer
	option.ConnWriteTimeout = connectionTimeoutFactor * c.Timeout
	option.ReadBufferEachConn, option.WriteBufferEachConn = bufferBytes, bufferBytes
	option.PipelineMultiplex = -1 // one connection is enough
	option.AlwaysPipelining = true
	option.DisableCache = true
	option.DisableRetry = true // a refresh must not wait for it
	return option, nil
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

// onlyLoopback rejects connections to other machines: the nodes of a cluster,
// and the masters that sentinels name, are not in the URL.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err == nil && netutil.IsLoopback(host) {
		return nil
	}
	return fmt.Errorf("redis: the store names %s, which is another machine: use rediss://, or set InsecureAllowPlaintext", address)
}
