package crossmint_test

import (
	"cmp"
	"errors"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	gocmp "github.com/google/go-cmp/cmp"
)

func TestSignInByEmail(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	const email = "ada+test@example.com"
	emailID, err := client.SendEmailOTP(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ConfirmEmailOTP(t.Context(), email, emailID, "wrong"); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a wrong code: %v, want refused", err)
	}
	once, err := client.ConfirmEmailOTP(t.Context(), email, emailID, fake.Code(email))
	if err != nil {
		t.Fatal(err)
	}
	grant, err := client.Refresh(t.Context(), once)
	if err != nil {
		t.Fatal(err)
	}
	if grant.User.Email != email {
		t.Errorf("signed in as %q, want %q", grant.User.Email, email)
	}
	if _, err := client.Refresh(t.Context(), once); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a one-time secret, twice: %v, want refused", err)
	}
}

func TestEmailOTPMalformedResponses(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "no member": `{}`, "null": `{"emailId":null,"oneTimeSecret":null}`, "empty": `{"emailId":"","oneTimeSecret":""}`,
		"a number": `{"emailId":1,"oneTimeSecret":1}`, "HTML": `<html>`, "a list": `["emailId"]`,
		"another case": `{"EmailId":"a","OneTimeSecret":"a"}`, "twice": `{"emailId":"a","emailId":"b","oneTimeSecret":"a","oneTimeSecret":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, "application/json", body))
			id, err := u.client.SendEmailOTP(t.Context(), "a@example.com")
			if !errors.Is(err, session.ErrMalformed) || id != "" {
				t.Errorf("SendEmailOTP = %q, %v, want malformed", id, err)
			}
			once, err := u.client.ConfirmEmailOTP(t.Context(), "a@example.com", "e", "123456")
			if !errors.Is(err, session.ErrMalformed) || !once.IsZero() {
				t.Errorf("ConfirmEmailOTP = %q, %v, want malformed", once.Reveal(), err)
			}
		})
	}
}

// TestEmailOTPStatuses lets upstream respond to both calls with errors.
func TestEmailOTPStatuses(t *testing.T) {
	type class struct {
		Refused, APIKeyRejected bool
	}
	tests := []struct {
		name          string
		status        int
		contentType   string
		body          string
		send, confirm class
	}{
		{name: "400", status: 400, body: `{}`, send: class{Refused: true}, confirm: class{Refused: true}},
		{name: "401: of send, the API key", status: 401, body: `{}`, send: class{APIKeyRejected: true}, confirm: class{Refused: true}},
		{name: "401 of a proxy", status: 401, contentType: "text/html", body: `<p>`},
		{name: "403", status: 403, body: `{}`, send: class{APIKeyRejected: true}, confirm: class{APIKeyRejected: true}},
		{name: "403 of a proxy", status: 403, contentType: "text/html", body: `<p>`},
		{name: "404", status: 404, body: `{}`, send: class{Refused: true}, confirm: class{Refused: true}},
		{name: "410", status: 410, body: `{}`, send: class{Refused: true}, confirm: class{Refused: true}},
		{name: "422", status: 422, body: `{}`, send: class{Refused: true}, confirm: class{Refused: true}},
		{name: "302", status: 302, body: `{}`},
		{name: "409", status: 409, body: `{}`},
		{name: "429", status: 429, body: `{}`},
		{name: "500", status: 500, body: `{}`},
		{name: "200 of a proxy", status: 200, contentType: "text/html", body: `<p>`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := newUpstream(t, respond(test.status, cmp.Or(test.contentType, "application/json"), test.body))
			classOf := func(err error) class {
				var up *session.UpstreamError
				if !errors.As(err, &up) || up.Status != test.status || errors.Is(err, session.ErrRefused) == errors.Is(err, session.ErrUnavailable) {
					t.Errorf("error %v", err)
					return class{}
				}
				return class{Refused: errors.Is(err, session.ErrRefused), APIKeyRejected: up.APIKeyRejected}
			}
			_, sendErr := u.client.SendEmailOTP(t.Context(), "a@example.com")
			_, confirmErr := u.client.ConfirmEmailOTP(t.Context(), "a@example.com", "e", "123456")
			if diff := gocmp.Diff([]class{test.send, test.confirm}, []class{classOf(sendErr), classOf(confirmErr)}); diff != "" {
				t.Errorf("send and confirm (-want +got):\n%s", diff)
			}
		})
	}
}
