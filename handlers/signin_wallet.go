package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// walletSignIn signs users in with a wallet; *crossmint.Client implements it.
type walletSignIn interface {
	StartWallet(ctx context.Context, address, chain string) (challenge json.RawMessage, err error)
	FinishWallet(ctx context.Context, address, chain, signature string) (session.Secret, error)
}

// A wallet is the address of a wallet and the type of its chain.
type wallet struct{ address, chain string }

// addressForms are the forms of addresses by chain: 20 bytes in hexadecimal, and 32
// bytes in base58.
var addressForms = map[string]*regexp.Regexp{
	"ethereum": regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`),
	"solana":   regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{32,44}$`),
}

func (w wallet) isValid() bool {
	form := addressForms[w.chain]
	return form != nil && form.MatchString(w.address)
}

// method is the method of a state for [SignIn.FinishWallet]: the state belongs to one
// wallet.
func (w wallet) method() string { return "wallet " + w.chain + " " + w.address }

// StartWallet takes a form with the fields address and type, one of
// SignInConfig.WalletTypes, from a script. It responds with upstream's challenge, a JSON
// object, which the wallet has to sign. Its members are not documented: see
// StartWallet of crossmint.Client. A cookie binds the sign-in with this wallet to this
// browser for ten minutes.
//
// Errors are 400 for an invalid wallet, 429 for a reached limit, 503 if upstream is
// unavailable, and those of [Refresh].
//
// The form may take 5 s to arrive, and upstream has 8 s to respond.
func (s *SignIn) StartWallet(w http.ResponseWriter, r *http.Request) {
	if s.wallets == nil {
		writeNotConfigured(w, "WalletTypes")
		return
	}
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	challenge, err := s.startWallet(r, f.wallet)
	if err == nil {
		err = s.writeState(w, r, f.wallet.method())
	}
	if err == nil {
		reply.JSON(w, http.StatusOK, challenge)
		return
	}
	s.reportFailure(r, startFailed(opStartWallet, err))
	switch errorCodeOf(err) {
	case walletInvalid:
		reply.JSON(w, http.StatusBadRequest, reply.Body{Error: http.StatusText(http.StatusBadRequest), Message: "The address or type of the wallet is not accepted"})
	case limitReached:
		reply.Status(w, r, http.StatusTooManyRequests)
	default:
		reply.Status(w, r, http.StatusServiceUnavailable)
	}
}

func (s *SignIn) startWallet(r *http.Request, wallet wallet) (json.RawMessage, error) {
	if !slices.Contains(s.config.WalletTypes, wallet.chain) || !wallet.isValid() {
		return nil, errWallet
	}
	if !s.allowStart(r) {
		return nil, errLimited
	}
	defer s.limits.inFlight.Release()
	ctx, cancel := context.WithTimeout(r.Context(), codeTimeout)
	defer cancel()
	challenge, err := s.wallets.StartWallet(ctx, wallet.address, wallet.chain)
	return challenge, refusedWallet(err)
}

// refusedWallet marks a refusal by upstream as an error of the wallet.
func refusedWallet(err error) error {
	if errors.Is(err, session.ErrRefused) {
		return fmt.Errorf("%w: %w", errWallet, err)
	}
	return err
}

// FinishWallet takes a form with the fields address and type as in [SignIn.StartWallet],
// and signature, that of the challenge. Like [SignIn.ConfirmCode] it stores the session
// in cookies and redirects to return_to or After. If it fails, the browser keeps its
// earlier session. The form has 16 KiB at the most.
//
// Only the browser that has called StartWallet can finish, with the same wallet, and
// only from this site. Otherwise another site could sign a visitor in as its own user.
// Write the address in the same way in both forms: libraries for wallets differ in the
// case of its letters (EIP-55), and another case is error=expired.
//
// Submitting the form twice, timeouts and WriteTimeout are as in ConfirmCode.
func (s *SignIn) FinishWallet(w http.ResponseWriter, r *http.Request) {
	if s.wallets == nil {
		writeNotConfigured(w, "WalletTypes")
		return
	}
	f, ok := s.readForm(w, r)
	if !ok {
		return
	}
	state, ok := s.readState(r, f.wallet.method())
	switch {
	case !ok:
		s.redirectWithoutPending(w, r, f, f.signature)
		return
	case f.signature == "":
		s.redirectError(w, r, s.config.EmailPage, f, errWallet)
		return
	case !s.allowFinish(r, state):
		s.redirectError(w, r, s.config.EmailPage, f, errLimited)
		return
	}
	defer s.limits.inFlight.Release()
	key := s.confirmations.key(state, f.signature)
	secret, err := s.confirmSignature(r.Context(), key, f)
	if err != nil {
		s.redirectError(w, r, s.config.EmailPage, f, err)
		return
	}
	s.storeSession(w, r, proof{form: f, value: f.signature, key: key, retryPage: s.config.EmailPage}, secret)
}

// confirmSignature exchanges a signature for a one-time secret: upstream accepts it
// once.
func (s *SignIn) confirmSignature(ctx context.Context, key confirmationKey, f form) (session.Secret, error) {
	secret, err := s.confirmations.do(ctx, key, func(ctx context.Context) (session.Secret, error) {
		return s.wallets.FinishWallet(ctx, f.wallet.address, f.wallet.chain, f.signature)
	})
	return secret, refusedWallet(err)
}
