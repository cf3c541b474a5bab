package redis

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/crossmint-go/auth/session"
)

// kind says what a value in the store is. It is the first byte of the value,
// where the scripts read it.
type kind byte

const (
	// kindGrant: what followed the token.
	kindGrant kind = 'g'
	// kindKept: the same, but nobody could judge it yet.
	kindKept kind = 'k'
	// kindRefusal: upstream's definite no.
	kindRefusal kind = 'r'
	// kindNone: there is nothing to record; what is there stays.
	kindNone kind = '-'
	// kindDrop: nothing is to stay.
	kindDrop kind = 'x'
)

// grantValue is a session.Grant with its secrets revealed: it leaves this
// process only sealed.
type grantValue struct {
	JWT           string       `json:"jwt"`
	Refresh       string       `json:"refresh"`
	ExpiresAtText string       `json:"expiresAtText"`
	User          session.User `json:"user"`
	ReceivedAt    time.Time    `json:"receivedAt"`
}

func marshalGrant(g *session.Grant) ([]byte, error) {
	return json.Marshal(grantValue{
		JWT: g.JWT.Reveal(), Refresh: g.RefreshToken.Secret.Reveal(),
		ExpiresAtText: g.RefreshToken.ExpiresAtText, User: g.User, ReceivedAt: g.ReceivedAt,
	})
}

func unmarshalGrant(plain []byte) (*session.Grant, error) {
	var v grantValue
	if err := json.Unmarshal(plain, &v); err != nil {
		return nil, fmt.Errorf("redis: a grant in the store: %w", err)
	}
	return &session.Grant{
		JWT:          session.NewSecret(v.JWT),
		RefreshToken: session.RefreshToken{Secret: session.NewSecret(v.Refresh), ExpiresAtText: v.ExpiresAtText},
		User:         v.User, ReceivedAt: v.ReceivedAt,
	}, nil
}

// refusalValue is a definite no.
type refusalValue struct {
	Op       string `json:"op"`
	Status   int    `json:"status"`
	Doubtful bool   `json:"doubtful"`
}

func marshalRefusal(up *session.UpstreamError) ([]byte, error) {
	return json.Marshal(refusalValue{up.Op, up.Status, up.Doubtful})
}

func unmarshalRefusal(plain []byte) (*session.UpstreamError, error) {
	var v refusalValue
	if err := json.Unmarshal(plain, &v); err != nil {
		return nil, fmt.Errorf("redis: a refusal in the store: %w", err)
	}
	return &session.UpstreamError{Kind: session.Refused, Op: v.Op, Status: v.Status, Doubtful: v.Doubtful, Err: errRemembered}, nil
}

var errRemembered = errors.New("remembered by the fleet")
