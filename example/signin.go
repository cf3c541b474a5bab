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

// The sign-in by email code has three steps: sendCode, confirmCode, and
// POST /api/refresh, which exchanges the one-time secret for the cookies. A
// site in production limits the rate of the first step by address and client.

const (
	maxEmailBytes   = 254 // RFC 5321 §4.5.3.1.3 without the angle brackets
	maxEmailIDBytes = 256
	codeDigits      = 6
)

// sendCode asks Crossmint to send a code: {"email"} → {"emailId"}.
func sendCode(client *crossmint.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email string }
		if !readJSON(w, r, &in) {
			return
		}
		if !isEmail(in.Email) {
			writeError(w, http.StatusBadRequest, "This is not an email address")
			return
		}
		emailID, err := client.SendEmailOTP(r.Context(), in.Email)
		if err != nil {
			writeClientError(w, err, "This address is not accepted")
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"emailId": emailID})
	}
}

// confirmCode exchanges the code: {"email","emailId","code"} →
// {"oneTimeSecret"}.
func confirmCode(client *crossmint.Client) http.HandlerFunc {
	const wrongCode = "This code is wrong"
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email, EmailID, Code string }
		if !readJSON(w, r, &in) {
			return
		}
		if !isEmail(in.Email) || !isEmailID(in.EmailID) || !isCode(in.Code) {
			writeError(w, http.StatusBadRequest, wrongCode)
			return
		}
		secret, err := client.ConfirmEmailOTP(r.Context(), in.Email, in.EmailID, in.Code)
		if err != nil {
			writeClientError(w, err, wrongCode)
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"oneTimeSecret": secret.Reveal()})
	}
}

// inbox returns the last code that the fake has sent: ?email= → {"code"}. It
// lets every visitor sign in as any user, so only the fake may have it.
func inbox(fake *crossminttest.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code := fake.Code(r.FormValue("email"))
		if code == "" {
			writeError(w, http.StatusNotFound, "No code was sent to this address")
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"code": code})
	}
}

// writeClientError responds to an error of the client: 400 with message if
// upstream rejects the request, else 503. Only the log gets the cause.
func writeClientError(w http.ResponseWriter, err error, message string) {
	if errors.Is(err, session.ErrRefused) {
		writeError(w, http.StatusBadRequest, message)
		return
	}
	slog.Warn("sign-in failed", "error", err)
	setRetryAfter(w, err)
	writeError(w, http.StatusServiceUnavailable, "Please try again later")
}

// isEmail reports whether s is an address without a display name.
func isEmail(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && len(s) <= maxEmailBytes && address.Address == s
}

func isEmailID(s string) bool { return s != "" && len(s) <= maxEmailIDBytes }

func isCode(s string) bool {
	return len(s) == codeDigits && strings.Trim(s, "0123456789") == ""
}
