package crossminttest

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// people are the project's users.
type people struct {
	byID   map[string]session.User
	byName map[string]string // "email:…", "wallet:…", "google", "twitter" → ID
}

// NewUser returns the user with that e-mail address, whom it makes unless
// there is one. An empty address makes a new user without one each time.
func (s *Server) NewUser(email string) session.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.people.byEmail(email)
}

func (p people) byEmail(email string) session.User {
	if email == "" {
		return p.add(session.User{ID: newID()})
	}
	return p.named("email:"+mailbox(email), session.User{Email: email})
}

// mailbox returns the address as a key: case does not tell people apart.
func mailbox(email string) string { return strings.ToLower(email) }

// named returns the user known by that name, or makes one like template.
func (p people) named(name string, template session.User) session.User {
	if id, ok := p.byName[name]; ok {
		return p.byID[id]
	}
	template.ID = newID()
	p.byName[name] = template.ID
	return p.add(template)
}

// add makes user known, unless the ID is known already.
func (p people) add(user session.User) session.User {
	if known, ok := p.byID[user.ID]; ok {
		return known
	}
	p.byID[user.ID] = user
	return user
}

// newID returns a random UUID, version 4 (RFC 9562 §5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
