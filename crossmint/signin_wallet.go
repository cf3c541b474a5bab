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

// walletMethods maps the chains to their sign-in methods.
var walletMethods = map[string]string{"ethereum": "evm", "solana": "solana"}

const (
	walletPath = authPrefix + "/crypto_wallets/authenticate"
	// maxWalletBytes is far above an address of either chain (42 and 44 bytes).
	maxWalletBytes = 128
	// maxSignatureBytes leaves room for contract wallets, whose signatures
	// contain other signatures.
	maxSignatureBytes = 16 << 10
)

// StartWallet returns upstream's challenge to a user with a blockchain wallet, one
// JSON object. The wallet has to sign it in the page. Its members are not
// documented, so StartWallet returns the object unchanged: look at its content
// before you depend on it. The chain is "ethereum" or "solana". Another chain or
// an impossible address is an error and causes no call.
//
// It is not confirmed that the real service accepts a server key here.
func (c *Client) StartWallet(ctx context.Context, address, chain string) (challenge json.RawMessage, err error) {
	const op = "start wallet"
	if err := checkWallet(address, chain); err != nil {
		return nil, err
	}
	res, err := c.call(ctx, request{
		op: op, method: http.MethodPost, url: c.config.BaseURL + walletPath + "/start",
		body: map[string]string{"walletAddress": address, "walletType": chain},
	})
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
func (c *Client) FinishWallet(ctx context.Context, address, chain, signature string) (session.Secret, error) {
	const op = "finish wallet"
	if err := checkWallet(address, chain); err != nil {
		return session.Secret{}, err
	}
	if signature == "" || len(signature) > maxSignatureBytes {
		return session.Secret{}, fmt.Errorf("%w: signature is empty or above %d bytes", errInvalidArgument, maxSignatureBytes)
	}
	query := url.Values{"signinAuthenticationMethod": {walletMethods[chain]}, "callbackUrl": {c.config.CallbackURL}}
	res, err := c.call(ctx, request{
		op: op, method: http.MethodPost, url: c.config.BaseURL + walletPath + "?" + query.Encode(),
		body: map[string]string{"walletAddress": address, "signature": signature},
	})
	if err != nil {
		return session.Secret{}, err
	}
	return oneTimeSecret(op, res)
}

// checkWallet rejects wallets that cannot exist. Upstream decides about the rest.
func checkWallet(address, chain string) error {
	switch {
	case walletMethods[chain] == "":
		return fmt.Errorf(`%w: chain of the wallet is not "ethereum" or "solana"`, errInvalidArgument)
	case address == "" || len(address) > maxWalletBytes, strings.ContainsFunc(address, func(r rune) bool { return r <= 0x20 || r >= 0x7f }):
		return fmt.Errorf("%w: not a wallet address", errInvalidArgument)
	}
	return nil
}
