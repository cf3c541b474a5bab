package crossmint

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

// SendEmailOTP has upstream send a one-time code to an e-mail address and
// returns the ID of that e-mail, which [Client.ConfirmEmailOTP] needs.
//
// Browsers do this with a client key. Whether the real service takes a server
// key here has not been confirmed.
func (c *Client) SendEmailOTP(ctx context.Context, email string) (emailID string, err error) {
	const op = "send code"
	body, _ := json.Marshal(map[string]string{"email": email}) // a map of strings always marshals
	answer, err := c.call(ctx, request{op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/otps/send", body: body})
	if err != nil {
		return "", err
	}
	return textMember(op, answer, "emailId")
}

// ConfirmEmailOTP exchanges the code that a user has received for a one-time
// secret. The secret is a refresh token for one use: hand it to the refresh
// handler, or to session.Manager.Refresh.
func (c *Client) ConfirmEmailOTP(ctx context.Context, email, emailID, code string) (session.Secret, error) {
	const op = "confirm code"
	query := url.Values{
		"email": {email}, "signinAuthenticationMethod": {"email"}, "token": {code}, "locale": {"en"},
		"state": {emailID}, "callbackUrl": {c.config.CallbackURL},
	}
	answer, err := c.call(ctx, request{op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/authenticate?" + query.Encode()})
	if err != nil {
		return session.Secret{}, err
	}
	return oneTimeSecret(op, answer)
}

// oneTimeSecret returns what every sign-in ends with.
func oneTimeSecret(op string, answer []byte) (session.Secret, error) {
	secret, err := textMember(op, answer, "oneTimeSecret")
	return session.NewSecret(secret), err
}

// textMember returns a member of an answer that must be a text.
func textMember(op string, answer []byte, member string) (text string, err error) {
	err = strictjson.Object(answer, func(name []byte, value strictjson.Value) error {
		if string(name) == member {
			text, _ = value.Text()
		}
		return nil
	})
	if err == nil && text == "" {
		err = errIncomplete
	}
	if err != nil {
		return "", malformed(op, err)
	}
	return text, nil
}
