package nats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/crossmint-go/auth/internal/coordinatortest"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/fleet"
	"github.com/crossmint-go/auth/session/fleet/fleettest"
	"github.com/crossmint-go/auth/session/nats"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// The permissions that the package documentation names.
var (
	mayPublish = []string{
		"$KV.crossmint.>", "$JS.API.STREAM.INFO.KV_crossmint", "$JS.API.STREAM.MSG.GET.KV_crossmint", "crossmint.>",
	}
	mayCreate    = "$JS.API.STREAM.CREATE.KV_crossmint"
	maySubscribe = []string{"_INBOX.crossmint.>", "crossmint.>"}
)

// limited returns a user who may only publish and subscribe to the subjects.
func limited(name string, publish, subscribe []string) *server.User {
	return &server.User{Username: name, Password: "password", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: subscribe},
	}}
}

func urlOf(s *server.Server, user string) session.Secret {
	return session.NewSecret(strings.Replace(s.ClientURL(), "nats://", "nats://"+user+":password@", 1))
}

func TestDocumentedPermissionsSuffice(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			limited("creator", append([]string{mayCreate}, mayPublish...), maySubscribe),
			limited("app", mayPublish, maySubscribe),
		}
	})
	if _, err := loadRecord(openStore(t, nats.Config{URL: urlOf(s, "creator")})); err != nil {
		t.Fatal(err)
	}
	fleettest.RunStore(t, func(t *testing.T) fleet.Store { return openStore(t, nats.Config{URL: urlOf(s, "app")}) })
}

func TestMissingPermissionsAreReported(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) {
		o.Users = []*server.User{
			limited("creator", append([]string{mayCreate}, mayPublish...), maySubscribe),
			limited("reader", mayPublish[1:3], maySubscribe),
			limited("deaf", mayPublish, maySubscribe[:1]),
		}
	})
	if _, err := loadRecord(openStore(t, nats.Config{URL: urlOf(s, "creator")})); err != nil {
		t.Fatal(err)
	}
	if _, _, err := swapRecord(openStore(t, nats.Config{URL: urlOf(s, "reader")}), 0, "x"); !errors.Is(err, natsgo.ErrPermissionViolation) {
		t.Errorf("a swap: %v, want ErrPermissionViolation", err)
	}
	err := openStore(t, nats.Config{URL: urlOf(s, "deaf")}).Subscribe(t.Context(), "topic", func() { t.Error("it is ready") }, func([]byte) {})
	if !errors.Is(err, natsgo.ErrPermissionViolation) {
		t.Errorf("a subscription: %v, want ErrPermissionViolation", err)
	}
}

func TestCredentialsChange(t *testing.T) {
	t.Parallel()
	port, folder := freePort(t), filepath.Join(t.TempDir(), "store")
	start := func(password string) *server.Server {
		return startServer(t, func(o *server.Options) {
			o.Port, o.StoreDir, o.Username, o.Password = port, folder, "user", password
		})
	}
	var password atomic.Value
	password.Store("first")
	s := start("first")
	store := openStore(t, nats.Config{
		URL: session.NewSecret(s.ClientURL()),
		Credentials: func() (string, session.Secret, error) {
			if password.Load() == "" {
				return "", session.Secret{}, errors.New("no credentials")
			}
			return "user", session.NewSecret(password.Load().(string)), nil
		},
	})
	wantWorking(t, store)
	stop(s)
	start("second")
	time.Sleep(2 * time.Second) // the client tries the first password more than once
	password.Store("")
	time.Sleep(time.Second)
	password.Store("second")
	wantWorking(t, store)
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(o *server.Options) { o.Authorization = "secret-token" })
	wantWorking(t, openStore(t, nats.Config{
		URL:         session.NewSecret("nats://" + s.Addr().String()),
		Credentials: func() (string, session.Secret, error) { return "", session.NewSecret("secret-token"), nil },
	}))
	wantWorking(t, openStore(t, nats.Config{URL: session.NewSecret("nats://secret-token@" + s.Addr().String())}))
	_, err := loadRecord(openStore(t, nats.Config{URL: session.NewSecret("nats://other-token@" + s.Addr().String())}))
	if !errors.Is(err, natsgo.ErrAuthorization) {
		t.Errorf("another token: %v, want ErrAuthorization", err)
	}
}

// The first of two servers is down. The URL has the user with its address only.
func TestUserOfAllServers(t *testing.T) {
	t.Parallel()
	down := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	for _, test := range []struct {
		name, user string
		configure  func(*server.Options)
	}{
		{"password", "user:password", func(o *server.Options) { o.Username, o.Password = "user", "password" }},
		{"token", "secret-token", func(o *server.Options) { o.Authorization = "secret-token" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			up := startServer(t, test.configure).Addr().String()
			wantWorking(t, openStore(t, nats.Config{URL: session.NewSecret("nats://" + test.user + "@" + down + ",nats://" + up)}))
		})
	}
}

// account is an account of an operator, who trusts the JWTs that it signs.
type account struct {
	t   *testing.T
	key nkeys.KeyPair
}

func newPair(t *testing.T, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	t.Helper()
	pair, err := create()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return pair, public
}

// configure makes a server trust the operator of a new account.
func (a *account) configure(o *server.Options) {
	operatorKey, operator := newPair(a.t, nkeys.CreateOperator)
	var system, public string
	a.key, public = newPair(a.t, nkeys.CreateAccount)
	_, system = newPair(a.t, nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(public)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, MemoryStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	resolver := &server.MemAccResolver{}
	for subject, c := range map[string]*jwt.AccountClaims{public: claims, system: jwt.NewAccountClaims(system)} {
		signed, err := c.Encode(operatorKey)
		if err != nil {
			a.t.Fatal(err)
		}
		if err := resolver.Store(subject, signed); err != nil {
			a.t.Fatal(err)
		}
	}
	o.TrustedKeys, o.SystemAccount, o.AccountResolver = []string{operator}, system, resolver
}

// write writes credentials that expire.
func (a *account) write(file string, ttl time.Duration) {
	a.t.Helper()
	user, public := newPair(a.t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(public)
	claims.Expires = time.Now().Add(ttl).Unix()
	signed, err := claims.Encode(a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	seed, err := user.Seed()
	if err != nil {
		a.t.Fatal(err)
	}
	content, err := jwt.FormatUserConfig(signed, seed)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func TestCredentialsFileChanges(t *testing.T) {
	t.Parallel()
	a, file := &account{t: t}, filepath.Join(t.TempDir(), "user.creds")
	s := startServer(t, a.configure)
	a.write(file, 3*time.Second)
	store := openStore(t, nats.Config{URL: session.NewSecret(s.ClientURL()), CredentialsFile: file})
	wantWorking(t, store)
	coordinatortest.Eventually(t, "the credentials expired", func() bool { _, err := loadRecord(store); return err != nil })
	time.Sleep(2 * time.Second) // the client tries the expired credentials more than once
	a.write(file, time.Hour)
	wantWorking(t, store)
}

func wantWorking(t *testing.T, store fleet.Store) {
	t.Helper()
	coordinatortest.Eventually(t, "the store worked", func() bool {
		_, err := loadRecord(store)
		return err == nil
	})
}

func TestNKeyFile(t *testing.T) {
	t.Parallel()
	pair, public := newPair(t, nkeys.CreateUser)
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "user.nk")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	wantWorking(t, openStore(t, nats.Config{URL: session.NewSecret(s.ClientURL()), NKeyFile: file}))
}

// certificate returns a certificate for this machine, and its root.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	own, roots := certificate(t)
	s := startServer(t, func(o *server.Options) {
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{own}}
		o.TLSTimeout = startTimeout.Seconds()
	})
	url := session.NewSecret("tls://" + s.Addr().String())
	wantWorking(t, openStore(t, nats.Config{URL: url, TLS: &tls.Config{RootCAs: roots}}))
	if _, err := loadRecord(openStore(t, nats.Config{URL: url})); err == nil {
		t.Error("an unknown certificate is accepted")
	}
	plain := startServer(t, nil)
	if _, err := loadRecord(openStore(t, nats.Config{URL: session.NewSecret("tls://" + plain.Addr().String())})); !errors.Is(err, natsgo.ErrSecureConnWanted) {
		t.Errorf("a server without TLS: %v", err)
	}
}

func TestConn(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	nc, _ := dial(t, s.ClientURL())
	fleettest.RunStore(t, func(t *testing.T) fleet.Store { return openStore(t, nats.Config{Conn: nc}) })
	if !nc.IsConnected() {
		t.Error("the store has closed the connection of the application")
	}
}

// The bucket lacks settings without which records would be lost or old.
func TestUnsuitableBucketIsReported(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	_, js := dial(t, s.ClientURL())
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "crossmint", History: 2, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	_, err := loadRecord(openStore(t, nats.Config{URL: session.NewSecret(s.ClientURL())}))
	for _, setting := range []string{"allow_direct", "allow_msg_ttl", "max_msgs_per_subject", "max_age"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("err = %v, want %s in it", err, setting)
		}
	}
}

// A remoteDialer makes connections that seem to lead to another machine.
type remoteDialer struct{}

func (remoteDialer) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return remoteConn{c}, err
}

type remoteConn struct{ net.Conn }

func (remoteConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4222} }

func TestPlaintextConnToAnotherMachineIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	nc, _ := dial(t, s.ClientURL(), natsgo.SetCustomDialer(remoteDialer{}))
	if _, err := loadRecord(openStore(t, nats.Config{Conn: nc})); err == nil || !strings.Contains(err.Error(), "another machine") {
		t.Errorf("err = %v, want a refusal", err)
	}
	wantWorking(t, openStore(t, nats.Config{Conn: nc, InsecureAllowPlaintext: true}))
}
