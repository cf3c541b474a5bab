package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/internal/reply"
	"github.com/crossmint-go/auth/session"
)

// stateNonceBytes is the entropy of a state. The other half of it is a hash.
const stateNonceBytes = sha256.Size / 2

// newState returns the state of a sign-in that starts: random bytes, and a hash of
// these with the method of the sign-in.
func newState(method string) session.Secret {
	nonce := make([]byte, stateNonceBytes, sha256.Size)
	_, _ = rand.Read(nonce) // never fails
	return session.NewSecret(string(appendStateHash(nonce, method)))
}

func appendStateHash(nonce []byte, method string) []byte {
	hash := sha256.Sum256(append(nonce, method...))
	return append(nonce[:stateNonceBytes], hash[:stateNonceBytes]...)
}

// isStateOf reports whether newState has made the state for this method.
func isStateOf(state session.Secret, method string) bool {
	value := []byte(state.Reveal())
	if len(value) != sha256.Size {
		return false
	}
	want := appendStateHash(value[:stateNonceBytes:stateNonceBytes], method)
	return subtle.ConstantTimeCompare(want, value) == 1
}

// writeState stores a new state in the cookie, beside a pending sign-in by e-mail.
func (s *SignIn) writeState(w http.ResponseWriter, r *http.Request, method string) error {
	pending, _ := s.pending.read(r)
	pending.State, pending.StateExpiresAt = newState(method), time.Time{}
	return s.writePending(w, r, pending)
}

// writePending stores a pending sign-in in the browser.
func (s *SignIn) writePending(w http.ResponseWriter, r *http.Request, pending pendingSignIn) error {
	err := s.pending.write(w, pending)
	s.warnings.PlainHTTP(r, w.Header())
	return err
}

// readState returns the state that StartOAuth or StartWallet has stored in the browser
// of r.
func (s *SignIn) readState(r *http.Request, method string) (state session.Secret, ok bool) {
	pending, _ := s.pending.read(r)
	return pending.State, isStateOf(pending.State, method)
}

// allowStart counts a start of a sign-in with a provider or wallet. After true the
// caller must release limits.inFlight.
func (s *SignIn) allowStart(r *http.Request) bool {
	return s.allowClient(r) && s.limits.starts.Allow("") && s.limits.inFlight.Acquire()
}

// allowFinish counts a form that finishes the sign-in with that state. After true the
// caller must release limits.inFlight.
func (s *SignIn) allowFinish(r *http.Request, state session.Secret) bool {
	return s.allowClient(r) && s.limits.finishesPerStart.Allow(state.Reveal()) && s.limits.inFlight.Acquire()
}

// writeNotConfigured responds to a request for a method that SignInConfig does not name.
func writeNotConfigured(w http.ResponseWriter, field string) {
	reply.JSON(w, http.StatusNotFound, reply.Body{Error: http.StatusText(http.StatusNotFound), Message: "SignInConfig." + field + " is empty"})
}
