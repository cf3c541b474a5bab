package crossmint_test

import (
	"errors"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
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
