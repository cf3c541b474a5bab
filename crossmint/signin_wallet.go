package crossmint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// A Wallet identifies a user who signs in with a blockchain wallet.
type Wallet struct {
	Address string
	// Type is "ethereum" or "solana".
	Type string
}

// walletMethods maps the wallet types to their sign-in methods.
var walletMethods = map[string]string{"ethereum": "evm", "solana": "solana"}

const (
	// maxWalletBytes is far above an address of either type (42 and 44 bytes).
	maxWalletBytes = 128
	// maxSignatureBytes leaves room for contract wallets, whose signatures
	// contain other signatures.
	maxSignatureBytes = 16 << 10
)

// StartWallet returns upstream's challenge, one JSON object. The user's wallet
// has to sign it in the page. Its members are not documented, so StartWallet
// returns the object unchanged: look at its content before you depend on it.
// A wallet of an unknown type or with an impossible address is
// [ErrInvalidArgument].
//
// It is not confirmed that the real service accepts a server key here.
func (c *Client) StartWallet(ctx context.Context, wallet Wallet) (challenge json.RawMessage, err error) {
	const op = "start wallet"
	if err := wallet.check(); err != nil {
		return nil, err
	}
	body := map[string]string{"walletAddress": wallet.Address, "walletType": wallet.Type}
	res, err := c.callWallet(ctx, op, "/start", body)
	if err != nil {
		return nil, err
	}
	if !isObject(res) {
		return nil, malformed(op, errNotJSON)
	}
	return res, nil
}

// FinishWallet exchanges the signed challenge for a one-time secret, as
// [Client.ConfirmEmailOTP] does with a code. It is likely but not confirmed that
// upstream's response has the secret in the same member.
func (c *Client) FinishWallet(ctx context.Context, wallet Wallet, signature string) (session.Secret, error) {
	const op = "finish wallet"
	if err := wallet.check(); err != nil {
		return session.Secret{}, err
	}
	if signature == "" || len(signature) > maxSignatureBytes {
		return session.Secret{}, fmt.Errorf("%w: signature is empty or above %d bytes", ErrInvalidArgument, maxSignatureBytes)
	}
	query := url.Values{"signinAuthenticationMethod": {walletMethods[wallet.Type]}, "callbackUrl": {c.config.CallbackURL}}
	body := map[string]string{"walletAddress": wallet.Address, "signature": signature}
	res, err := c.callWallet(ctx, op, "?"+query.Encode(), body)
	if err != nil {
		return session.Secret{}, err
	}
	return oneTimeSecret(op, res)
}

func (c *Client) callWallet(ctx context.Context, op, suffix string, members map[string]string) ([]byte, error) {
	body, _ := json.Marshal(members) // a map of strings always marshals
	address := c.config.BaseURL + authPrefix + "/crypto_wallets/authenticate" + suffix
	return c.call(ctx, request{op: op, method: http.MethodPost, url: address, body: body})
}

// check rejects wallets that cannot exist. Upstream decides about the rest.
func (w Wallet) check() error {
	switch {
	case walletMethods[w.Type] == "":
		return fmt.Errorf(`%w: wallet type is not "ethereum" or "solana"`, ErrInvalidArgument)
	case w.Address == "" || len(w.Address) > maxWalletBytes, strings.ContainsFunc(w.Address, func(r rune) bool { return r <= 0x20 || r >= 0x7f }):
		return fmt.Errorf("%w: not a wallet address", ErrInvalidArgument)
	}
	return nil
}
