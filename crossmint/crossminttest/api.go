package crossminttest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Paths of the API.
const (
	authPath = "/api/2024-09-26/session/sdk/auth"
	userPath = "/api/2024-09-26/sdk/auth/user/"
	jwksPath = "/.well-known/jwks.json"
)

// maxBodyBytes is far above the body of any call.
const maxBodyBytes = 64 << 10

// A handlerFunc executes a call and returns the response.
type handlerFunc func(r *http.Request, body []byte) response

func (s *Server) newRoutes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e Endpoint, h handlerFunc) { mux.Handle(pattern, s.endpoint(e, h)) }
	api := func(pattern string, e Endpoint, h handlerFunc) {
		handle(pattern, e, s.withKey(h, clientKey, serverKey))
	}
	handle("GET "+jwksPath, JWKS, s.serveJWKS)
	api("POST "+authPath+"/refresh", Refresh, s.serveRefresh)
	api("POST "+authPath+"/logout", Logout, s.serveLogout)
	handle("GET "+userPath+"{id}", User, s.withKey(s.serveUser, serverKey))
	api("POST "+authPath+"/otps/send", SendOTP, s.serveSendOTP)
	api("POST "+authPath+"/authenticate", ConfirmOTP, s.serveConfirmOTP)
	api("GET "+authPath+"/social/{provider}/start", Social, s.serveSocial)
	api("POST "+authPath+"/crypto_wallets/authenticate/start", WalletStart, s.serveWalletStart)
	api("POST "+authPath+"/crypto_wallets/authenticate", WalletFinish, s.serveWalletFinish)
	mux.HandleFunc("GET "+authPath+"/callback", serveCallback)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		(&exchange{w: w, r: r}).write(apiError(http.StatusNotFound, "Not found"))
	})
	return mux
}

// ServeHTTP serves the API. After Close it aborts.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.inProgress.Add(1)
	s.mu.Unlock()
	defer s.inProgress.Done()

	// Browsers call some endpoints across origins, with keys in headers that
	// need a preflight.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if r.Method == http.MethodOptions {
		servePreflight(w, r)
		return
	}
	s.routes.ServeHTTP(w, r)
}

func servePreflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	header.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	header.Set("Access-Control-Max-Age", "600")
	header.Add("Vary", "Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}

// endpoint counts a call, delays it, and applies its fault.
func (s *Server) endpoint(e Endpoint, h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		latency, fault := s.plan(e)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		x := &exchange{w: w, r: r, closing: s.closing}
		if err != nil {
			x.write(apiError(http.StatusBadRequest, "Unreadable body"))
			return
		}
		x.execute = func() response { return h(r, body) }
		x.wait(latency)
		fault.apply(x)
	})
}

func (s *Server) serveJWKS(*http.Request, []byte) response {
	return response{status: http.StatusOK, body: s.keys.jwks()}
}

// tokenRequest is the body of refresh and logout.
type tokenRequest struct {
	Refresh string `json:"refresh"`
}

func (s *Server) serveRefresh(_ *http.Request, body []byte) response {
	var in tokenRequest
	if err := json.Unmarshal(body, &in); err != nil || in.Refresh == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Missing refresh token")
	}
	grant, ok := s.exchange(in.Refresh)
	if !ok {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid refresh token")
	}
	return ok200(newGrantJSON(grant))
}

// grantJSON is a grant as upstream sends it, with its secrets in plain text.
type grantJSON struct {
	JWT     string          `json:"jwt"`
	Refresh refreshJSON     `json:"refresh"`
	User    json.RawMessage `json:"user"`
}

type refreshJSON struct {
	Secret    string `json:"secret"`
	ExpiresAt string `json:"expiresAt"`
}

func newGrantJSON(grant session.Grant) grantJSON {
	token := grant.RefreshToken
	return grantJSON{grant.JWT.Reveal(), refreshJSON{token.Secret.Reveal(), token.ExpiresAt}, userJSON(grant.User)}
}

func (s *Server) serveLogout(_ *http.Request, body []byte) response {
	var in tokenRequest
	if err := json.Unmarshal(body, &in); err != nil || in.Refresh == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Missing refresh token")
	}
	s.logout(in.Refresh)
	return ok200(struct{}{})
}

func (s *Server) serveUser(r *http.Request, _ []byte) response {
	s.mu.Lock()
	user, ok := s.users.byID[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		return apiError(http.StatusNotFound, "User not found")
	}
	return ok200(userJSON(user))
}

// signedInLocked returns the response to a successful sign-in.
func (s *Server) signedInLocked(user session.User) response {
	return ok200(map[string]string{"oneTimeSecret": s.newOneTimeSecretLocked(user.ID)})
}

func ok200(v any) response { return jsonResponse(http.StatusOK, v) }

func jsonResponse(status int, v any) response {
	return response{status: status, body: must(json.Marshal(v))}
}

// refusal returns an error response of the session endpoints.
func refusal(status int, name, message string) response {
	return jsonResponse(status, map[string]string{"error": name, "message": message})
}

// apiError returns an error response of the API gateway.
func apiError(status int, message string) response {
	return jsonResponse(status, map[string]any{"error": true, "message": message})
}

func hasExpired(expiresAt time.Time) bool { return !time.Now().Before(expiresAt) }
