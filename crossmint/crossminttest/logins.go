package crossminttest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/session"
)

// socialUsers are the people who stand behind the social accounts.
var socialUsers = map[string]session.User{
	"google":  {Email: "google.user@example.com"},
	"twitter": {Twitter: &session.TwitterUser{ID: "1234567890", Username: "twitter_user"}},
}

// serveSocial answers with an oauthUrl at which everybody has consented
// already: the callback, with a one-time secret of the provider's only user.
func (s *Server) serveSocial(r *http.Request, _ []byte) reply {
	provider := r.PathValue("provider")
	template, ok := socialUsers[provider]
	if !ok {
		return apiError(http.StatusNotFound, "Unknown provider")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.people.named(provider, template)
	query := url.Values{"oneTimeSecret": {s.newOneTimeSecret(user.ID)}}
	return ok200(map[string]string{"oauthUrl": s.URL() + authPath + "/callback?" + query.Encode()})
}

// serveCallback is where logins over other sites end. The live one talks to
// the page that opened it; this one only says so.
func serveCallback(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>Signed in</title><p>Signed in.\n")
}

// walletMethods tells the sign-in method of each wallet type.
var walletMethods = map[string]string{"ethereum": "evm", "solana": "solana"}

func (s *Server) serveWalletStart(_ *http.Request, body []byte) reply {
	var in struct {
		WalletAddress string `json:"walletAddress"`
		WalletType    string `json:"walletType"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.WalletAddress == "" || walletMethods[in.WalletType] == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Invalid wallet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wallets[in.WalletAddress] = in.WalletType
	return ok200(map[string]string{"challenge": "Sign in with " + in.WalletAddress + ", nonce " + randomText()})
}

// serveWalletFinish takes any signature that is not empty.
func (s *Server) serveWalletFinish(r *http.Request, body []byte) reply {
	var in struct {
		WalletAddress string `json:"walletAddress"`
		Signature     string `json:"signature"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.WalletAddress == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Invalid wallet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, challenged := s.wallets[in.WalletAddress]
	if !challenged || in.Signature == "" || r.URL.Query().Get("signinAuthenticationMethod") != walletMethods[kind] {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid signature")
	}
	delete(s.wallets, in.WalletAddress)
	return s.loggedIn(s.people.named("wallet:"+in.WalletAddress, session.User{}))
}
