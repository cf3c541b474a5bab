package crossminttest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/session"
)

// socialUsers are the users of the social accounts.
var socialUsers = map[string]session.User{
	"google":  {Email: "google.user@example.com"},
	"twitter": {JSON: json.RawMessage(`{"twitter":{"id":"1234567890","username":"twitter_user"}}`)},
}

// serveSocial responds with an oauthUrl that needs no consent: the callback, with
// a one-time secret of the provider's only user.
func (s *Server) serveSocial(r *http.Request, _ []byte) response {
	provider := r.PathValue("provider")
	template, ok := socialUsers[provider]
	if !ok {
		return apiError(http.StatusNotFound, "Unknown provider")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := s.users.named(provider, template)
	query := url.Values{"oneTimeSecret": {s.newOneTimeSecretLocked(user.ID)}}
	return ok200(map[string]string{"oauthUrl": s.URL() + authPath + "/callback?" + query.Encode()})
}

// callbackPage ends a sign-in at another site. Like the real page it sends a message
// to the page that opened it, in the form that Crossmint's clients expect. It knows no
// origin for the message, so any page can open it and receive the secret.
const callbackPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign-in</title>
<p>You can close this window.</p>
<script>
  const secret = new URLSearchParams(location.search).get("oneTimeSecret");
  const message = secret
    ? { event: "authMaterialFromPopupCallback", data: { oneTimeSecret: secret } }
    : { event: "errorFromPopupCallback", data: { error: "The sign-in has failed" } };
  opener?.postMessage(message, "*");
</script>
`

func serveCallback(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, callbackPage)
}

// walletMethods maps the wallet types to their sign-in methods.
var walletMethods = map[string]string{"ethereum": "evm", "solana": "solana"}

func (s *Server) serveWalletStart(_ *http.Request, body []byte) response {
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
	return ok200(map[string]string{"challenge": "Sign in with " + in.WalletAddress + ", nonce " + randomSecret()})
}

// serveWalletFinish accepts every signature that is not empty.
func (s *Server) serveWalletFinish(r *http.Request, body []byte) response {
	var in struct {
		WalletAddress string `json:"walletAddress"`
		Signature     string `json:"signature"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.WalletAddress == "" {
		return refusal(http.StatusBadRequest, "Bad Request", "Invalid wallet")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	walletType, challenged := s.wallets[in.WalletAddress]
	if !challenged || in.Signature == "" || r.URL.Query().Get("signinAuthenticationMethod") != walletMethods[walletType] {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid signature")
	}
	delete(s.wallets, in.WalletAddress)
	return s.signedInLocked(s.users.named("wallet:"+in.WalletAddress, session.User{}))
}
