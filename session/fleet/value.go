package fleet

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/crossmint-go/auth/session"
)

// kind is the kind of a value in the store. It is the first byte of the value.
type kind byte

const (
	// kindGrant: the grant that follows the token.
	kindGrant kind = 'g'
	// kindUnverified: the same, but its JWT could not be verified yet.
	kindUnverified kind = 'k'
	// kindRefusal: upstream has refused the token.
	kindRefusal kind = 'r'
	// kindNone: nothing to store; a stored value stays.
	kindNone kind = 0
)

// grantValue is a session.Grant with its secrets revealed. It leaves this
// process only sealed.
type grantValue struct {
	JWT        string          `json:"jwt"`
	Refresh    string          `json:"refresh"`
	ExpiresAt  string          `json:"expiresAt"`
	User       session.User    `json:"user"`
	UserJSON   json.RawMessage `json:"userJSON,omitempty"`
	ReceivedAt time.Time       `json:"receivedAt"`
}

func marshalGrant(g *session.Grant) ([]byte, error) {
	return json.Marshal(grantValue{
		JWT: g.JWT.Reveal(), Refresh: g.RefreshToken.Secret.Reveal(), ExpiresAt: g.RefreshToken.ExpiresAt,
		User: g.User, UserJSON: g.User.JSON, ReceivedAt: g.ReceivedAt,
	})
}

func unmarshalGrant(plain []byte) (*session.Grant, error) {
	var v grantValue
	if err := json.Unmarshal(plain, &v); err != nil {
		return nil, err
	}
	v.User.JSON = v.UserJSON
	return &session.Grant{
		JWT:          session.NewSecret(v.JWT),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(v.Refresh), ExpiresAt: v.ExpiresAt},
		User:         v.User, ReceivedAt: v.ReceivedAt,
	}, nil
}

// refusalValue is a definite refusal.
type refusalValue struct {
	Op        string `json:"op"`
	Status    int    `json:"status"`
	Uncertain bool   `json:"uncertain"`
}

func marshalRefusal(up *session.UpstreamError) ([]byte, error) {
	return json.Marshal(refusalValue{up.Op, up.Status, up.Uncertain})
}

func unmarshalRefusal(plain []byte) (*session.UpstreamError, error) {
	var v refusalValue
	if err := json.Unmarshal(plain, &v); err != nil {
		return nil, err
	}
	return &session.UpstreamError{Kind: session.ErrRefused, Op: v.Op, Status: v.Status, Uncertain: v.Uncertain, Err: errCached}, nil
}

var errCached = errors.New("cached by the fleet")
