package main

import (
	"errors"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

// The sign-in by e-mail code has three steps: sendCode, confirmCode, and the
// one-time secret's way to /api/refresh, which sets the cookies. A site in
// production limits how often one address and one client may take the first.

const (
	maxEmailBytes   = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	maxEmailIDBytes = 256
	codeDigits      = 6
)

// sendCode has a code sent: {"email"} → {"emailId"}.
func sendCode(client *crossmint.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email string }
		if !readJSON(w, r, &in) {
			return
		}
		if !isEmail(in.Email) {
			writeError(w, http.StatusBadRequest, "That is not an e-mail address")
			return
		}
		emailID, err := client.SendEmailOTP(r.Context(), in.Email)
		if err != nil {
			refuse(w, err, "That address is not accepted")
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"emailId": emailID})
	}
}

// confirmCode exchanges the code: {"email","emailId","code"} →
// {"oneTimeSecret"}.
func confirmCode(client *crossmint.Client) http.HandlerFunc {
	const wrong = "That code is not right"
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email, EmailID, Code string }
		if !readJSON(w, r, &in) {
			return
		}
		if !isEmail(in.Email) || !isEmailID(in.EmailID) || !isCode(in.Code) {
			writeError(w, http.StatusBadRequest, wrong)
			return
		}
		secret, err := client.ConfirmEmailOTP(r.Context(), in.Email, in.EmailID, in.Code)
		if err != nil {
			refuse(w, err, wrong)
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"oneTimeSecret": secret.Reveal()})
	}
}

// inbox shows the code that the fake has sent last: ?email= → {"code"}. It
// signs anybody in as anybody, so nothing but a fake may have it.
func inbox(fake *crossminttest.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code := fake.Code(r.FormValue("email"))
		if code == "" {
			writeError(w, http.StatusNotFound, "No code was sent to that address")
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"code": code})
	}
}

// refuse answers for an error of the client's: with message where upstream's
// answer is no, else 503. The cause is for the log.
func refuse(w http.ResponseWriter, err error, message string) {
	if errors.Is(err, session.ErrRefused) {
		writeError(w, http.StatusBadRequest, message)
		return
	}
	slog.Warn("sign-in", "error", err)
	setRetryAfter(w, err)
	writeError(w, http.StatusServiceUnavailable, "Please try again later")
}

// isEmail reports whether text is one bare address.
func isEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && len(text) <= maxEmailBytes && address.Address == text
}

func isEmailID(text string) bool { return text != "" && len(text) <= maxEmailIDBytes }

func isCode(text string) bool {
	return len(text) == codeDigits && strings.Trim(text, "0123456789") == ""
}
