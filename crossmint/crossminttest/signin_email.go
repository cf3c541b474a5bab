package crossminttest

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"
)

const (
	// maxCodeTries is the number of wrong codes that lock a sent code.
	maxCodeTries = 5
	codeLifetime = 10 * time.Minute
)

// mail holds the codes that were sent.
type mail struct {
	codes   map[string]string       // the last one, by mailbox
	pending map[string]*pendingCode // not yet confirmed, by emailId
}

type pendingCode struct {
	mailbox   string
	code      string
	wrong     int
	expiresAt time.Time
}

// Code returns the code that was last sent to the address, or "" without one. It
// can be confirmed once within ten minutes; five wrong tries lock it.
func (s *Server) Code(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mail.codes[mailbox(email)]
}

func (s *Server) serveSendOTP(_ *http.Request, body []byte) response {
	var in struct {
		Email string `json:"email"`
	}
	if err := json.Unmarshal(body, &in); err != nil || !strings.Contains(in.Email, "@") {
		return refusal(http.StatusBadRequest, "Bad Request", "Invalid email")
	}
	code := must(rand.Int(rand.Reader, big.NewInt(1_000_000)))
	sent := &pendingCode{mailbox: mailbox(in.Email), code: fmt.Sprintf("%06d", code), expiresAt: time.Now().Add(codeLifetime)}
	emailID := newID()
	if s.config.OnCode != nil {
		s.config.OnCode(in.Email, sent.code)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail.codes[sent.mailbox] = sent.code
	s.mail.pending[emailID] = sent
	return ok200(map[string]string{"emailId": emailID})
}

func (s *Server) serveConfirmOTP(r *http.Request, _ []byte) response {
	query := r.URL.Query()
	if query.Get("signinAuthenticationMethod") != "email" {
		return refusal(http.StatusBadRequest, "Bad Request", "Unknown sign-in method")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	emailID, email := query.Get("state"), query.Get("email")
	sent := s.mail.pending[emailID]
	if sent == nil || sent.mailbox != mailbox(email) || sent.wrong >= maxCodeTries || hasExpired(sent.expiresAt) {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid code")
	}
	if subtle.ConstantTimeCompare([]byte(sent.code), []byte(query.Get("token"))) == 0 {
		sent.wrong++
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid code")
	}
	delete(s.mail.pending, emailID)
	return s.signedInLocked(s.users.byEmail(email))
}
