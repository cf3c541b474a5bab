package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/session"
	"github.com/redis/rueidis"
)

// Config configures a [Coordinator]. URL and Secret are required; the zero
// value of every other field is the safe choice.
type Config struct {
	// URL says where the store is: rediss://user:password@host:6379/0. More
	// nodes of a cluster are added as ?addr=host:port, sentinels by
	// ?master_set=name. A store on this machine may be reached by redis:// or
	// unix://. It is a secret, since it may hold a password.
	URL session.Secret
	// Secret belongs to the deployment: 32 bytes or more from a random
	// source, the same in all instances. It is not the store's password. While
	// instances with an old and a new one run side by side, they do not share.
	Secret session.Secret
	// TLS replaces what the URL's rediss:// stands for, such as the roots
	// that sign the store's certificate. It must verify.
	TLS *tls.Config
	// InsecureAllowPlaintext allows redis:// to other machines. Tokens stay
	// encrypted; the store's password and who refreshes when do not.
	InsecureAllowPlaintext bool

	// Grace is how long the answer of a refresh is given to requests that
	// still bring the old token: as in session.Config. 0 means 10 s; at most
	// 60 s.
	Grace time.Duration
	// Timeout bounds one operation of the store. 0 means 250 ms; at most 2 s.
	Timeout time.Duration

	// OnEvent receives what happens to the store: session.StoreDoubted and
	// session.StoreRecovered, at most a few in ten seconds, and session.Panicked.
	// Their Op is "refresh", "logout", or "presence" for what an idle instance
	// notices, too. That other instances' logouts are not heard of is "logout".
	// It may be called concurrently and must not block. nil: Logger receives the
	// events.
	OnEvent func(context.Context, session.Event)
	// Logger receives the events where OnEvent is nil. nil: slog.Default().
	Logger *slog.Logger
}

// Defaults and bounds of a Config.
const (
	minSecretBytes = 32
	defaultGrace   = 10 * time.Second
	maxGrace       = 60 * time.Second
	defaultTimeout = 250 * time.Millisecond
	// maxTimeout lets two renewals of a lock be tried, and fail, before it runs
	// out: each comes renewEvery after what was before it.
	maxTimeout = lockAge/2 - renewEvery
)

// How the client behaves towards the store.
const (
	// patienceFactor is how many times an operation's Timeout a connection is
	// given: to be made, and to answer while it is idle, where it is looked
	// after every pingInterval. No request waits for either.
	patienceFactor = 4
	pingInterval   = 5 * time.Second
	bufferBytes    = 64 << 10
)

// check fills defaults in, reports all faults and returns the client's options.
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
	duration("Grace", &c.Grace, defaultGrace, maxGrace)
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
	case option.TLSConfig == nil && !c.InsecureAllowPlaintext && !local(&option):
		return option, errors.New("redis: URL must be rediss:// for a store on another machine, or InsecureAllowPlaintext be set")
	}
	option.Dialer = net.Dialer{Timeout: patienceFactor * c.Timeout, KeepAlive: pingInterval}
	if option.TLSConfig == nil && !c.InsecureAllowPlaintext && option.DialCtxFn == nil {
		option.Dialer.Control = onlyLoopback
	}
	option.Sentinel.TLSConfig = option.TLSConfig
	option.Sentinel.Dialer = option.Dialer
	option.ConnWriteTimeout = patienceFactor * c.Timeout
	option.ReadBufferEachConn, option.WriteBufferEachConn = bufferBytes, bufferBytes
	option.PipelineMultiplex = -1 // one connection is enough
	option.AlwaysPipelining = true
	option.DisableCache = true
	option.DisableRetry = true // a refresh must not wait for it
	return option, nil
}

// local reports whether the store is on this machine.
func local(option *rueidis.ClientOption) bool {
	if option.DialCtxFn != nil {
		return true // a unix socket
	}
	for _, address := range option.InitAddress {
		host, _, err := net.SplitHostPort(address)
		if err != nil || !loopback(host) {
			return false
		}
	}
	return true
}

// onlyLoopback refuses to connect to other machines: the nodes of a cluster,
// and the masters that sentinels name, are not in the URL.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err == nil && loopback(host) {
		return nil
	}
	return fmt.Errorf("redis: the store names %s, which is another machine: the URL must be rediss://, or InsecureAllowPlaintext be set", address)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
