package handlers

import (
	"time"

	"github.com/crossmint-go/auth/internal/limit"
)

// The limits of a sign-in, for each process. None counts by the client's address:
// behind a proxy that is the proxy's address, and clients can forge forwarded
// headers.
const (
	// signInWindow is as long as a pending sign-in lives, so that a code never
	// gets a second window of attempts.
	signInWindow = 10 * time.Minute
	// maxSendsPerAddress allows for typing errors and slow e-mails, and keeps
	// others from filling an inbox.
	maxSendsPerAddress = 5
	// maxCodesPerEmail leaves an attacker five guesses at one in a million.
	maxCodesPerEmail = 5
	// maxSends bounds all sends within sendsWindow, since e-mails cost money
	// and reputation. It suffices for a newsletter whose readers all come at
	// once.
	maxSends    = 100
	sendsWindow = 10 * time.Second
	// maxInFlight is more than upstream needs while it responds normally.
	maxInFlight = 64
	// maxNames bounds each table of names. Because of maxSends, at most 6,100
	// addresses are counted in one signInWindow. An e-mail can be counted for two:
	// its code is valid for one, and its first code opens another.
	maxNames = 1 << 14
)

type signInLimits struct {
	sendsPerAddress *limit.Window
	sends           *limit.Window // of all addresses, with the name ""
	codesPerEmail   *limit.Window
	inFlight        *limit.Concurrency
}

func newSignInLimits() signInLimits {
	return signInLimits{
		sendsPerAddress: limit.NewWindow(limit.WindowConfig{Limit: maxSendsPerAddress, Duration: signInWindow, MaxNames: maxNames}),
		sends:           limit.NewWindow(limit.WindowConfig{Limit: maxSends, Duration: sendsWindow, MaxNames: 1}),
		codesPerEmail:   limit.NewWindow(limit.WindowConfig{Limit: maxCodesPerEmail, Duration: signInWindow, MaxNames: maxNames}),
		inFlight:        limit.NewConcurrency(maxInFlight),
	}
}
