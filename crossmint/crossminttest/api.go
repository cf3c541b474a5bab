package crossminttest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/session"
)

// Where the API lives.
const (
	authPath = "/api/2024-09-26/session/sdk/auth"
	userPath = "/api/2024-09-26/sdk/auth/user/"
	jwksPath = "/.well-known/jwks.json"
)

// maxBodyBytes is far above any call's body.
const maxBodyBytes = 64 << 10

// answerFunc lets a call take effect and returns the answer.
type answerFunc func(r *http.Request, body []byte) reply

func (s *Server) newRoutes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e Endpoint, answer answerFunc) { mux.Handle(pattern, s.endpoint(e, answer)) }
	api := func(pattern string, e Endpoint, answer answerFunc) {
		handle(pattern, e, s.withKey(answer, clientOrigin, serverOrigin))
	}
	handle("GET "+jwksPath, JWKS, s.serveJWKS)
	api("POST "+authPath+"/refresh", Refresh, s.serveRefresh)
	api("POST "+authPath+"/logout", Logout, s.serveLogout)
	handle("GET "+userPath+"{id}", User, s.withKey(s.serveUser, serverOrigin))
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

// endpoint counts a call, makes it wait, and lets its fault strike.
func (s *Server) endpoint(e Endpoint, answer answerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		latency, fault := s.arrive(e)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		x := &exchange{w: w, r: r, closing: s.closing}
		if err != nil {
			x.write(apiError(http.StatusBadRequest, "Unreadable body"))
			return
		}
		x.take = func() reply { return answer(r, body) }
		x.wait(latency)
		fault.serve(x)
	})
}

func (s *Server) serveJWKS(*http.Request, []byte) reply {
	return reply{status: http.StatusOK, body: s.keys.jwks()}
}

// presented is the body of refresh and logout.
type presented struct {
	Refresh string `json:"refresh"`
}

func (s *Server) serveRefresh(_ *http.Request, body []byte) reply {
	var in presented
	if err := json.Unmarshal(body, &in); err != nil || in.Refresh == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Missing refresh token")
	}
	grant, ok := s.spend(in.Refresh)
	if !ok {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid refresh token")
	}
	return ok200(newGrantJSON(grant))
}

// grantJSON is a grant on the wire, with its secrets in the clear.
type grantJSON struct {
	JWT     string       `json:"jwt"`
	Refresh refreshJSON  `json:"refresh"`
	User    session.User `json:"user"`
}

type refreshJSON struct {
	Secret    string `json:"secret"`
	ExpiresAt string `json:"expiresAt"`
}

func newGrantJSON(grant session.Grant) grantJSON {
	token := grant.RefreshToken
	return grantJSON{grant.JWT.Reveal(), refreshJSON{token.Secret.Reveal(), token.ExpiresAtText}, grant.User}
}

func (s *Server) serveLogout(_ *http.Request, body []byte) reply {
	var in presented
	if err := json.Unmarshal(body, &in); err != nil || in.Refresh == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Missing refresh token")
	}
	s.logout(in.Refresh)
	return ok200(struct{}{})
}

func (s *Server) serveUser(r *http.Request, _ []byte) reply {
	s.mu.Lock()
	user, ok := s.people.byID[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		return apiError(http.StatusNotFound, "User not found")
	}
	return ok200(user)
}

// loggedIn answers a login that succeeded. s.mu is held.
func (s *Server) loggedIn(user session.User) reply {
	return ok200(map[string]string{"oneTimeSecret": s.newOneTimeSecret(user.ID)})
}

func ok200(v any) reply { return jsonReply(http.StatusOK, v) }

func jsonReply(status int, v any) reply {
	return reply{status: status, body: must(json.Marshal(v))}
}

// refusal is the form in which the session endpoints say no.
func refusal(status int, name, message string) reply {
	return jsonReply(status, map[string]string{"error": name, "message": message})
}

// apiError is the form in which the gateway says no.
func apiError(status int, message string) reply {
	return jsonReply(status, map[string]any{"error": true, "message": message})
}

// expired reports whether the moment has passed.
func expired(moment time.Time) bool { return !time.Now().Before(moment) }
