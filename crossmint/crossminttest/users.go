package crossminttest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/crossmint-go/auth/session"
)

// users are the users of the project.
type users struct {
	byID   map[string]session.User
	byName map[string]string // "email:…", "wallet:…", "google", "twitter" → ID
}

// NewUser returns the user with that e-mail address, and creates it if
// necessary. With an empty address it creates a user without one each time.
func (s *Server) NewUser(email string) session.User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users.byEmail(email)
}

func (u users) byEmail(email string) session.User {
	if email == "" {
		return u.add(session.User{ID: newID()})
	}
	return u.named("email:"+mailbox(email), session.User{Email: email})
}

// mailbox returns the address as a map key, which ignores case.
func mailbox(email string) string { return strings.ToLower(email) }

// named returns the user of that name, or creates one like template.
func (u users) named(name string, template session.User) session.User {
	if id, ok := u.byName[name]; ok {
		return u.byID[id]
	}
	template.ID = newID()
	u.byName[name] = template.ID
	return u.add(template)
}

// add adds user. If the ID exists already, it returns the existing user.
func (u users) add(user session.User) session.User {
	if existing, ok := u.byID[user.ID]; ok {
		return existing
	}
	u.byID[user.ID] = user
	return user
}

// userJSON returns a user as upstream sends it: the members of user.JSON and its
// fields.
func userJSON(user session.User) json.RawMessage {
	fields := must(json.Marshal(user))
	if user.JSON == nil {
		return fields
	}
	members := map[string]json.RawMessage{}
	for _, object := range [][]byte{user.JSON, fields} {
		must(0, json.Unmarshal(object, &members))
	}
	return must(json.Marshal(members))
}

// newID returns a random UUID, version 4 (RFC 9562 §5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
