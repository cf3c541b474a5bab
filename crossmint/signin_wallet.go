package crossmint

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// A WalletType is a family of blockchains, by upstream's name.
type WalletType string

// The wallet types that upstream knows.
const (
	Ethereum WalletType = "ethereum"
	Solana   WalletType = "solana"
)

// method is the sign-in method of the type's wallets, which has another name.
func (t WalletType) method() string {
	return map[WalletType]string{Ethereum: "evm", Solana: "solana"}[t]
}

// A Wallet is what a user signs in with in place of an address.
type Wallet struct {
	Address string
	Type    WalletType
}

const (
	// maxWalletBytes is far above an address of either type (42 and 44).
	maxWalletBytes = 128
	// maxSignatureBytes leaves room for contract wallets, whose signatures
	// hold those of others.
	maxSignatureBytes = 16 << 10
)

// ErrWallet reports a wallet of an unknown type, an address that cannot be
// one, or a signature that is empty or too long.
var ErrWallet = errors.New("crossmint: not a wallet, or not a signature")

// StartWallet returns upstream's challenge, one JSON object, for the page to
// have it signed by the user's wallet. Its members are not documented, so it
// is handed on as it came: see what the object holds before you build on it.
//
// It has not been confirmed that a server key is taken here.
func (c *Client) StartWallet(ctx context.Context, wallet Wallet) (challenge json.RawMessage, err error) {
	const op = "start wallet"
	if !wallet.plain() {
		return nil, ErrWallet
	}
	body := map[string]string{"walletAddress": wallet.Address, "walletType": string(wallet.Type)}
	answer, err := c.callWallet(ctx, op, "/start", body)
	if err != nil {
		return nil, err
	}
	if !isObject(answer) {
		return nil, malformed(op, errNotJSON)
	}
	return answer, nil
}

// FinishWallet exchanges the signed challenge for a one-time secret, as
// [Client.ConfirmEmailOTP] does a code. That upstream's answer has the secret
// in the same member as there is likely, and not confirmed.
func (c *Client) FinishWallet(ctx context.Context, wallet Wallet, signature string) (session.Secret, error) {
	const op = "finish wallet"
	if !wallet.plain() || signature == "" || len(signature) > maxSignatureBytes {
		return session.Secret{}, ErrWallet
	}
	query := url.Values{"signinAuthenticationMethod": {wallet.Type.method()}, "callbackUrl": {c.config.CallbackURL}}
	body := map[string]string{"walletAddress": wallet.Address, "signature": signature}
	answer, err := c.callWallet(ctx, op, "?"+query.Encode(), body)
	if err != nil {
		return session.Secret{}, err
	}
	return oneTimeSecret(op, answer)
}

func (c *Client) callWallet(ctx context.Context, op, suffix string, members map[string]string) ([]byte, error) {
	body, _ := json.Marshal(members) // a map of strings always marshals
	address := c.config.BaseURL + authPrefix + "/crypto_wallets/authenticate" + suffix
	return c.call(ctx, request{op: op, method: http.MethodPost, url: address, body: body})
}

// plain reports whether upstream can know such a wallet: whether the address
// is right is for upstream to say.
func (w Wallet) plain() bool {
	return w.Type.method() != "" && w.Address != "" && len(w.Address) <= maxWalletBytes &&
		!strings.ContainsFunc(w.Address, func(r rune) bool { return r <= 0x20 || r >= 0x7f })
}
