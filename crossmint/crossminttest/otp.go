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
	// maxCodeTries wrong codes lock a sent code.
	maxCodeTries = 5
	codeLifetime = 10 * time.Minute
)

// mail is the inbox of everybody, and the codes that were not yet confirmed.
type mail struct {
	codes   map[string]string       // the last one, by mailbox
	pending map[string]*pendingCode // by emailId
}

type pendingCode struct {
	mailbox string
	code    string
	wrong   int
	expires time.Time
}

// Code returns the code that was last sent to the address, or "" if none was.
// It is good for one confirmation within ten minutes; five wrong tries lock
// it.
func (s *Server) Code(email string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mail.codes[mailbox(email)]
}

func (s *Server) serveSendOTP(_ *http.Request, body []byte) reply {
	var in struct {
		Email string `json:"email"`
	}
	if err := json.Unmarshal(body, &in); err != nil || !strings.Contains(in.Email, "@") {
		return refusal(http.StatusBadRequest, "Bad Request", "Invalid email")
	}
	code := must(rand.Int(rand.Reader, big.NewInt(1_000_000)))
	sent := &pendingCode{mailbox: mailbox(in.Email), code: fmt.Sprintf("%06d", code), expires: time.Now().Add(codeLifetime)}
	emailID := newID()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail.codes[sent.mailbox] = sent.code
	s.mail.pending[emailID] = sent
	return ok200(map[string]string{"emailId": emailID})
}

func (s *Server) serveConfirmOTP(r *http.Request, _ []byte) reply {
	query := r.URL.Query()
	if query.Get("signinAuthenticationMethod") != "email" {
		return refusal(http.StatusBadRequest, "Bad Request", "Unknown sign-in method")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	emailID, email := query.Get("state"), query.Get("email")
	sent := s.mail.pending[emailID]
	if sent == nil || sent.mailbox != mailbox(email) || sent.wrong >= maxCodeTries || expired(sent.expires) {
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid code")
	}
	if subtle.ConstantTimeCompare([]byte(sent.code), []byte(query.Get("token"))) == 0 {
		sent.wrong++
		return refusal(http.StatusUnauthorized, "Unauthorized", "Invalid code")
	}
	delete(s.mail.pending, emailID)
	return s.loggedIn(s.people.byEmail(email))
}
