package nats

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/crossmint-go/auth/internal/netutil"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/crossmint-go/auth/session/fleet"
	natsgo "github.com/nats-io/nats.go"
)

// Config configures the Coordinator of [New]. Secret and either URL or Conn are
// required; the zero value of every other field is the safe choice.
type Config struct {
	// URL has the addresses of one or more servers of a cluster, separated by commas:
	// tls://user:password@host:4222,tls://host2:4222. The first user is that of all
	// servers without one. A user without a password is a token. A server on this
	// machine may be reached by nats://. The URL is a secret, because it may hold a
	// password.
	URL session.Secret
	// Conn is used in place of a connection of its own if it is not nil. The
	// application closes it, after the Coordinator. Make it with the options
	// MaxReconnects(-1), ReconnectBufSize(-1) and PermissionErrOnSubscribe(true):
	// otherwise it may end for good, make writes late, or lack a permission
	// silently. Servers with handshake_first need a Conn, with TLSHandshakeFirst().
	Conn *natsgo.Conn
	// CredentialsFile is a file with a JWT and its NKey, as "nsc generate creds"
	// writes it. NKeyFile is a file with the seed of an NKey alone. Each new
	// connection reads the file, so its content may change while the program runs,
	// but not the public key of an NKeyFile.
	CredentialsFile string
	NKeyFile        string
	// Credentials returns the user and the password for each new connection, in
	// place of those in the URL, if they change while the program runs. If the user
	// is empty, the password is a token.
	Credentials func() (user string, password session.Secret, err error)
	// TLS replaces the TLS configuration of a tls:// URL, for example to set the
	// roots of the servers' certificates. It must verify the certificates.
	TLS *tls.Config
	// InsecureAllowPlaintext allows connections without TLS to other machines.
	// Tokens stay encrypted; a password and the times of refreshes do not.
	InsecureAllowPlaintext bool
	// Replicas is the number of servers that keep the records, if the Coordinator
	// creates the bucket. 0 means 1. Use 3 in a cluster.
	Replicas int

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
// neither connects nor starts a goroutine, so an application starts without its
// servers, too.
func New(config Config) (*fleet.Coordinator, error) {
	store, err := newStore(&config)
	c, fleetErr := fleet.New(fleet.Config{
		Store: store, Secret: config.Secret, PreviousSecret: config.PreviousSecret,
		Grace: config.Grace, Timeout: config.Timeout, OnEvent: config.OnEvent, Logger: config.Logger,
	})
	if err := errors.Join(fleetErr, err); err != nil {
		return nil, err
	}
	return c, nil
}

// Settings of a connection.
const (
	// connectTimeout bounds a step of connecting, and of looking for the bucket. No
	// request waits for it longer than Config.Timeout.
	connectTimeout = 2 * time.Second
	reconnectWait  = 500 * time.Millisecond
	// pingInterval is the interval in which an idle connection is checked. A thousand
	// idle instances send fewer than ten pings a second.
	pingInterval = 2 * time.Minute
	// maxReplicas is the most that JetStream allows.
	maxReplicas = 5
)

// errURL does not repeat the URL: it holds a password.
var errURL = errors.New("nats: URL must be as tls://user:password@host:4222")

// options checks config and returns the options of a connection.
func (c *Config) options() ([]natsgo.Option, error) {
	var replicas error
	if c.Replicas < 0 || c.Replicas > maxReplicas {
		replicas = fmt.Errorf("nats: Replicas must be between 0 and %d", maxReplicas)
	}
	if c.Conn != nil {
		if !c.URL.IsZero() || c.TLS != nil || c.CredentialsFile != "" || c.NKeyFile != "" || c.Credentials != nil {
			return nil, errors.Join(replicas, errors.New("nats: URL, TLS and credentials must not be set beside Conn"))
		}
		return nil, replicas
	}
	user, isPlaintext, addressErr := c.checkAddresses()
	d := &dialer{credentials: c.Credentials, Dialer: netutil.NewDialer(connectTimeout)}
	if isPlaintext && !c.InsecureAllowPlaintext {
		d.Control = netutil.OnlyLoopback // a cluster names further servers
	}
	options := []natsgo.Option{
		natsgo.Name("crossmint-go/auth"), natsgo.SetCustomDialer(d), natsgo.CustomInboxPrefix(inboxes),
		natsgo.Timeout(connectTimeout), natsgo.FlusherTimeout(connectTimeout),
		natsgo.PingInterval(pingInterval), natsgo.MaxPingsOutstanding(1),
		natsgo.MaxReconnects(-1), natsgo.ReconnectWait(reconnectWait), natsgo.IgnoreAuthErrorAbort(), // credentials change
		natsgo.ReconnectBufSize(-1), natsgo.PermissionErrOnSubscribe(true),
		natsgo.ErrorHandler(func(*natsgo.Conn, *natsgo.Subscription, error) {}), // operations return the errors
	}
	if c.TLS != nil {
		options = append(options, natsgo.Secure(c.TLS.Clone()))
	}
	login, loginErr := c.login(d, user)
	return append(options, login...), errors.Join(replicas, addressErr, loginErr)
}

// checkAddresses checks URL and TLS. It returns the first user in URL, or nil.
func (c *Config) checkAddresses() (user *url.Userinfo, isPlaintext bool, err error) {
	isLocal, isTLS := true, c.TLS != nil
	for _, server := range strings.Split(c.URL.Reveal(), ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		if err != nil || u.Hostname() == "" || u.Scheme != "tls" && u.Scheme != "nats" {
			return nil, false, errURL
		}
		isLocal = isLocal && netutil.IsLoopback(u.Hostname())
		isTLS = isTLS || u.Scheme == "tls" // the client then uses TLS for all
		user = cmp.Or(user, u.User)
	}
	switch {
	case c.TLS != nil && c.TLS.InsecureSkipVerify:
		err = errors.New("nats: TLS must verify the servers' certificates: give their roots in TLS.RootCAs")
	case !isTLS && !isLocal && !c.InsecureAllowPlaintext:
		err = errors.New("nats: URL must be tls:// for a server on another machine, unless InsecureAllowPlaintext is set")
	}
	return user, !isTLS, err
}

// login returns the options with the credentials. A user in URL is for all its servers,
// of which the client gives it to one.
func (c *Config) login(d *dialer, user *url.Userinfo) ([]natsgo.Option, error) {
	sources := 0
	for _, isSet := range []bool{user != nil, c.CredentialsFile != "", c.NKeyFile != "", c.Credentials != nil} {
		if isSet {
			sources++
		}
	}
	switch {
	case sources > 1:
		return nil, errors.New("nats: only one of CredentialsFile, NKeyFile, Credentials and a user in URL may be set")
	case user != nil:
		if password, ok := user.Password(); ok {
			return []natsgo.Option{natsgo.UserInfo(user.Username(), password)}, nil
		}
		return []natsgo.Option{natsgo.Token(user.Username())}, nil
	case c.CredentialsFile != "":
		return []natsgo.Option{natsgo.UserCredentials(c.CredentialsFile)}, nil
	case c.NKeyFile != "":
		option, err := natsgo.NkeyOptionFromSeed(c.NKeyFile)
		if err != nil {
			return nil, errors.New("nats: NKeyFile must have the seed of an NKey")
		}
		return []natsgo.Option{option}, nil
	case c.Credentials != nil:
		return []natsgo.Option{natsgo.UserInfoHandler(d.userPassword), natsgo.TokenHandler(d.token)}, nil
	}
	return nil, nil
}

// A dialer gets the credentials for each connection that it makes. The client uses it
// from one goroutine at a time.
type dialer struct {
	net.Dialer
	credentials func() (user string, password session.Secret, err error)
	user        string
	password    session.Secret
}

// Dial implements natsgo.CustomDialer.
func (d *dialer) Dial(network, address string) (conn net.Conn, err error) {
	if d.credentials != nil {
		if d.user, d.password, err = d.credentials(); err != nil {
			return nil, err
		}
	}
	return d.Dialer.Dial(network, address)
}

func (d *dialer) userPassword() (user, password string) {
	if d.user == "" {
		return "", ""
	}
	return d.user, d.password.Reveal()
}

func (d *dialer) token() string {
	if d.user != "" {
		return ""
	}
	return d.password.Reveal()
}
