package crossmint

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/crossmint-go/auth/internal/strictjson"
	"github.com/crossmint-go/auth/session"
)

// SendEmailOTP makes upstream send a one-time code to an e-mail address. It
// returns the ID of that e-mail, which [Client.ConfirmEmailOTP] needs.
//
// An address that upstream rejects is session.ErrRefused. The request holds no other
// credential than the API key, so a JSON object with 401 rejects that key
// (session.UpstreamError.APIKeyRejected), like one with 403.
//
// Browsers call this endpoint with a client key. It is not confirmed that the
// real service accepts a server key here.
func (c *Client) SendEmailOTP(ctx context.Context, email string) (emailID string, err error) {
	const op = "send code"
	res, err := c.call(ctx, request{
		op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/otps/send", body: map[string]string{"email": email},
	})
	if err != nil {
		return "", blameAPIKey(err)
	}
	return stringMember(op, res, "emailId")
}

// blameAPIKey classifies the error of a call whose only credential is the API key.
func blameAPIKey(err error) error {
	var failure *session.UpstreamError
	if errors.As(err, &failure) && failure.Status == http.StatusUnauthorized && errors.Is(err, session.ErrRefused) {
		failure.Kind, failure.APIKeyRejected = session.ErrUnavailable, true
	}
	return err
}

// ConfirmEmailOTP exchanges the code that a user has received for a one-time
// secret. Upstream accepts the secret once, like a refresh token: pass it to
// session.Manager.SignIn, or let the page post it to the refresh handler.
//
// A wrong code is session.ErrRefused: upstream has responded with 400, 401, 404, 410
// or 422 and a JSON object. It is not documented how upstream rejects an API key
// here; 401 counts as a wrong code.
func (c *Client) ConfirmEmailOTP(ctx context.Context, email, emailID, code string) (session.Secret, error) {
	const op = "confirm code"
	query := url.Values{
		"email": {email}, "signinAuthenticationMethod": {"email"}, "token": {code}, "locale": {"en"},
		"state": {emailID}, "callbackUrl": {c.config.CallbackURL},
	}
	res, err := c.call(ctx, request{op: op, method: http.MethodPost, url: c.config.BaseURL + authPrefix + "/authenticate?" + query.Encode()})
	if err != nil {
		return session.Secret{}, err
	}
	return oneTimeSecret(op, res)
}

// oneTimeSecret reads the result of a sign-in.
func oneTimeSecret(op string, body []byte) (session.Secret, error) {
	secret, err := stringMember(op, body, "oneTimeSecret")
	return session.NewSecret(secret), err
}

// stringMember returns a member of a response that has to be a non-empty string.
func stringMember(op string, body []byte, member string) (content string, err error) {
	err = strictjson.Object(body, func(name []byte, value strictjson.Value) error {
		if string(name) == member {
			content, _ = value.AsString()
		}
		return nil
	})
	if err == nil && content == "" {
		err = errIncomplete
	}
	if err != nil {
		return "", malformed(op, err)
	}
	return content, nil
}
