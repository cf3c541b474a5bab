package crossminttest

import (
	"crypto/ed25519"
	"fmt"
	"net/http"
	"sync"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// A Server is a fake of Crossmint for one project. It is safe for concurrent
// use.
//
// It is also an [http.Handler], so that a test can serve it with TLS or behind a
// proxy. Such a test replaces BaseURL and HTTPClient in the result of
// [Server.Config].
type Server struct {
	config       Config
	apiKey       string
	clientKey    string
	apiKeySigner ed25519.PrivateKey
	keys         *keyring // signs JWTs
	network      *network
	routes       http.Handler
	customClaims sync.Map // user ID → map[string]any, see SetClaims

	closing   chan struct{} // closed by Close; ends the calls that hang
	closeOnce sync.Once

	mu         sync.Mutex // guards all below
	closed     bool
	inProgress sync.WaitGroup // calls; grows only while !closed
	apiKeys    map[string]keyType
	faults     faultPlan
	users      users
	tokens     map[string]*token
	families   map[string][]*family // by user ID
	oneTime    map[string]oneTimeSecret
	mail       mail
	wallets    map[string]string // type by address, for wallets with a challenge
}

// New starts a fake. The caller must Close it.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	_, apiKeySigner, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("crossminttest: %w", err)
	}
	s := &Server{
		config:       config,
		apiKeySigner: apiKeySigner,
		keys:         newKeyring(config.Algorithm),
		closing:      make(chan struct{}),
		apiKeys:      map[string]keyType{},
		faults:       newFaultPlan(),
		users:        users{byID: map[string]session.User{}, byName: map[string]string{}},
		tokens:       map[string]*token{},
		families:     map[string][]*family{},
		oneTime:      map[string]oneTimeSecret{},
		mail:         mail{codes: map[string]string{}, pending: map[string]*pendingCode{}},
		wallets:      map[string]string{},
	}
	s.apiKey = s.MintAPIKey("sk", config.Environment, config.ProjectID)
	s.clientKey = s.MintAPIKey("ck", config.Environment, config.ProjectID)
	s.routes = s.newRoutes()
	s.network = newNetwork(config, s)
	if err := s.network.up(); err != nil {
		return nil, err
	}
	return s, nil
}

// Close stops the fake: it breaks every connection, ends the calls that hang,
// waits for the handlers and closes the idle connections of [Server.Transport].
// The methods of a closed fake may still be called.
func (s *Server) Close() {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
		s.network.down(true)
		s.inProgress.Wait()
		s.network.conns.Wait()
	})
}

// Down makes the fake unreachable: connections break, new ones are refused. Its
// state stays.
func (s *Server) Down() { s.network.down(false) }

// Up ends [Server.Down]. It fails if another process has taken the port, and
// after Close. A client that failed to fetch keys tries again within 5 s; tests
// can avoid that by crossmint.Client.Preload before Down.
func (s *Server) Up() error { return s.network.up() }

// Config returns the configuration of a client of this fake: API key and its
// verifiers, base URL and HTTP client.
func (s *Server) Config() crossmint.Config {
	verifiers := map[crossmint.Environment]ed25519.PublicKey{}
	for environment := range issuers {
		verifiers[environment] = s.apiKeySigner.Public().(ed25519.PublicKey)
	}
	return crossmint.Config{
		APIKey:          session.NewSecret(s.apiKey),
		APIKeyVerifiers: verifiers,
		BaseURL:         s.URL(),
		HTTPClient:      &http.Client{Transport: s.Transport()},
	}
}

// URL returns the base URL, without a slash at its end.
func (s *Server) URL() string { return s.network.url }

// Transport returns the transport that connects to the fake. A fake in memory can
// be reached only by it, and under any host name. It is shared: clone it before
// you change it.
func (s *Server) Transport() *http.Transport { return s.network.transport }

// ProjectID returns the project of the API keys and JWTs.
func (s *Server) ProjectID() string { return s.config.ProjectID }

// APIKey returns the project's server key, "sk_…".
func (s *Server) APIKey() string { return s.apiKey }

// ClientKey returns the project's client key, "ck_…", for browsers.
func (s *Server) ClientKey() string { return s.clientKey }
