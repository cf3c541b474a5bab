package handlers

import (
	"cmp"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/internal/limit"
)

// The limits of a sign-in, for each process. SignInConfig can change those that it
// names.
const (
	// signInWindow is as long as a pending sign-in lives, so that a code never
	// gets a second window of attempts.
	signInWindow = 10 * time.Minute
	// maxSendsPerAddress allows for typing errors and slow e-mails, and keeps
	// others from filling an inbox.
	maxSendsPerAddress = 5
	// maxGuessesPerEmail leaves an attacker five guesses at one in a million.
	maxGuessesPerEmail = 5
	// maxGuessesPerAddress leaves an attacker with one code after another
	// a chance of one in ten thousand a day.
	maxGuessesPerAddress = 100
	guessesWindow        = 24 * time.Hour
	// maxSends bounds all sends within sendsWindow, since e-mails cost money
	// and reputation. It suffices for a newsletter whose readers all come at
	// once.
	maxSends    = 100
	sendsWindow = 10 * time.Second
	// maxFinishes bounds the secrets or signatures for one started sign-in with a
	// provider or wallet. Each may cost a call of upstream.
	maxFinishes = 10
	// maxFormsPerClient suffices for ten users behind one address.
	maxFormsPerClient = 50
	// maxInFlight is more than upstream needs while it responds normally.
	maxInFlight = 64
	// maxNames bounds each table of names. Because of maxSends, at most 6,100
	// addresses are counted in one signInWindow. An e-mail can be counted for two:
	// its code is valid for one, and its first code opens another.
	maxNames = 1 << 14
	// maxNamesOfLong bounds the tables that forget the oldest names: those of
	// clients, and those of a day, for which maxSends allows more names.
	maxNamesOfLong = 1 << 16
)

type signInLimits struct {
	sendsPerAddress   *limit.Window
	sends             *limit.Window // of all addresses, with the name ""
	guessesPerEmail   *limit.Window
	guessesPerAddress *limit.Window
	starts            *limit.Window // of providers and wallets, with the name ""
	finishesPerStart  *limit.Window
	formsPerClient    *limit.Window
	inFlight          *limit.Concurrency
}

func newSignInLimits(config SignInConfig) signInLimits {
	sends := cmp.Or(config.MaxSends, maxSends)
	names := max(maxNames, 2*sends*int(signInWindow/sendsWindow+1))
	window := func(configured, fallback int, duration time.Duration, names int) *limit.Window {
		return limit.NewWindow(limit.WindowConfig{
			Limit: cmp.Or(configured, fallback), Duration: duration, MaxNames: names, ForgetOldest: names == maxNamesOfLong,
		})
	}
	return signInLimits{
		sendsPerAddress:   window(config.MaxSendsPerAddress, maxSendsPerAddress, signInWindow, names),
		sends:             window(sends, sends, sendsWindow, 1),
		guessesPerEmail:   window(config.MaxGuessesPerEmail, maxGuessesPerEmail, signInWindow, names),
		guessesPerAddress: window(config.MaxGuessesPerAddress, maxGuessesPerAddress, guessesWindow, maxNamesOfLong),
		starts:            window(sends, sends, sendsWindow, 1),
		finishesPerStart:  window(maxFinishes, maxFinishes, signInWindow, names),
		formsPerClient:    window(config.MaxFormsPerClient, maxFormsPerClient, signInWindow, maxNamesOfLong),
		inFlight:          limit.NewConcurrency(maxInFlight),
	}
}

// A quota is the count of one name in a window.
type quota struct {
	window *limit.Window
	name   string
}

// reserve counts an event in each quota. If one is used up, it counts none and
// returns false.
func reserve(quotas ...quota) bool {
	for i, q := range quotas {
		if !q.window.Allow(q.name) {
			refund(quotas[:i]...)
			return false
		}
	}
	return true
}

func refund(quotas ...quota) {
	for _, q := range quotas {
		q.window.Refund(q.name)
	}
}

// guesses returns the quotas of a code for one e-mail to an address.
func (l *signInLimits) guesses(email string, pending pendingSignIn) []quota {
	return []quota{{l.guessesPerEmail, pending.EmailID.Reveal()}, {l.guessesPerAddress, inboxOf(email)}}
}

// allowClient counts a form of the client of r. Without a name for the client there
// is no limit.
func (s *SignIn) allowClient(r *http.Request) bool {
	if s.config.ClientKey == nil {
		return true
	}
	client := s.config.ClientKey(r)
	return client == "" || s.limits.formsPerClient.Allow(client)
}
