package handlers_test

import (
	stdcmp "cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// observable returns everything that a client learns from a response. It replaces
// a cookie's encrypted value by its length.
func observable(res *http.Response, body string) string {
	header := res.Header.Clone()
	header.Del("Date")
	for i, line := range header["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		attributes = regexp.MustCompile(`Expires=[^;]*`).ReplaceAllString(attributes, "Expires=")
		header["Set-Cookie"][i] = fmt.Sprint(name, "=", len(value), " bytes;", attributes)
	}
	return fmt.Sprint(res.StatusCode, " ", header, " ", body)
}

// TestSendCodeHidesAccounts signs in with an address that upstream knows, with an
// unknown one, and with ones that upstream rejects in many ways, and enters wrong
// codes. All responses must be equal.
func TestSendCodeHidesAccounts(t *testing.T) {
	faults := map[string]crossminttest.Fault{"known": {}, "unknown": {}}
	for _, status := range []int{400, 404, 410, 422} {
		faults[fmt.Sprint(status)] = crossminttest.Status(status, "", `{"message":"no such user"}`).With("Retry-After", "9").With("X-Reason", "unknown")
	}
	responses := map[string][]string{}
	for name, fault := range faults {
		env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
		if name != "unknown" {
			env.Fake.NewUser(ada)
		}
		env.Fake.FailAlways(crossminttest.SendOTP, fault)
		b := env.newTLSBrowser(t)
		responses[name] = append(responses[name], observable(b.postForm("/send", "email", ada, "return_to", "/cart")))
		for range 6 {
			responses[name] = append(responses[name], observable(b.postForm("/confirm", "code", env.wrongCode(ada))))
		}
		wantReported, wantEvent := 6, event.CodeSent // wrong codes
		if name != "known" && name != "unknown" {
			wantReported, wantEvent = 7, event.CodeNotSent // and the rejected address
		}
		if len(env.reported) != wantReported {
			t.Errorf("%s: OnError received %d errors, want %d: %v", name, len(env.reported), wantReported, env.reported)
		}
		if got := env.Outcomes(); got[0] != wantEvent || len(got) != 7 {
			t.Errorf("%s: events %v, want 7, %s first", name, got, wantEvent)
		}
		if got := env.Fake.Calls().ConfirmOTP; got != 5 {
			t.Errorf("%s: %d confirmations reached upstream, want 5", name, got)
		}
	}
	for name, got := range maps.All(responses) {
		if diff := cmp.Diff(responses["known"], got); diff != "" {
			t.Errorf("%s (-known address +got):\n%s", name, diff)
		}
	}
}

// TestConfirmCodeHidesAccounts lets upstream refuse the confirmation with every status
// that might depend on the e-mail.
func TestConfirmCodeHidesAccounts(t *testing.T) {
	for _, status := range []int{400, 401, 404, 410, 422} {
		env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
		env.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Status(status, "", `{"message":"no such e-mail"}`).With("Retry-After", "9"))
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		if diff := cmp.Diff(redirectTo("/code?error=code"), b.submit("/confirm", "code", "123456")); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
		var upstreamErr *session.UpstreamError
		if len(env.reported) != 1 || !errors.As(env.reported[0], &upstreamErr) || upstreamErr.Status != status {
			t.Errorf("%d: OnError received %v", status, env.reported)
		}
	}
}

// TestUpstreamDecidesNothing lets upstream respond to both calls with statuses that
// say nothing about the address or the code. The pages must not show "code sent" or
// "wrong code", and the events name the cause.
func TestUpstreamDecidesNothing(t *testing.T) {
	object, html := func(status int) crossminttest.Fault {
		return crossminttest.Status(status, "", `{"message":"no"}`).With("Retry-After", "9")
	}, func(status int) crossminttest.Fault {
		return crossminttest.Status(status, "text/html", "<p>")
	}
	const wrongCode = "/code?error=code"
	tests := []struct {
		name          string
		fault         crossminttest.Fault
		status        int
		code          string // the error code
		send, confirm []event.Outcome
		confirmed     string // Location after the confirmation, if it is another
	}{
		{name: "401: the API key; of a confirmation, the code", fault: object(401), status: 401, send: []event.Outcome{event.APIKeyRejected, event.CodeNotSent}, confirmed: wrongCode},
		{name: "403", fault: object(403), status: 403, send: []event.Outcome{event.APIKeyRejected, event.CodeNotSent}, confirm: []event.Outcome{event.APIKeyRejected, event.SignInFailed}},
		{name: "429", fault: object(429), status: 429, code: "limit"},
		{name: "402", fault: object(402), status: 402},
		{name: "409", fault: object(409), status: 409},
		{name: "redirect", fault: crossminttest.Redirect("/elsewhere"), status: 307},
		{name: "HTML with 400", fault: html(400), status: 400},
		{name: "HTML with 401", fault: html(401), status: 401},
		{name: "HTML with 403", fault: html(403), status: 403},
		{name: "HTML with 404", fault: html(404), status: 404},
		{name: "HTML with 200", fault: html(200), status: 200},
		{name: "200 without members", fault: object(200), status: 200},
		{name: "500", fault: object(500), status: 500},
		{name: "503", fault: html(503), status: 503},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			code := stdcmp.Or(test.code, "unavailable")
			env.Fake.FailAlways(crossminttest.SendOTP, test.fault)
			if diff := cmp.Diff(redirectTo("/signin?error="+code+"&lang=en"), b.submit("/send", "email", ada)); diff != "" {
				t.Errorf("send (-want +got):\n%s", diff)
			}
			env.wantEvents(t, "send_code", test.status, 0, test.send, event.CodeNotSent)
			env.Fake.Heal()
			b.submit("/send", "email", ada)
			env.Fake.FailAlways(crossminttest.ConfirmOTP, test.fault)
			sent := len(env.All())
			if diff := cmp.Diff(redirectTo(stdcmp.Or(test.confirmed, "/code?error="+code)), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
				t.Errorf("confirm (-want +got):\n%s", diff)
			}
			env.wantEvents(t, "sign_in", test.status, sent, test.confirm, event.SignInFailed)
		})
	}
}

// wantEvents checks the operation, status and outcomes of the events after those to
// skip. Without outcomes it wants the fallback.
func (env *signInEnv) wantEvents(t *testing.T, op string, status int, skip int, outcomes []event.Outcome, fallback event.Outcome) {
	t.Helper()
	if outcomes == nil {
		outcomes = []event.Outcome{fallback}
	}
	var got []event.Outcome
	for _, e := range env.All()[skip:] {
		got = append(got, e.Outcome)
		if e.Op != op || e.UpstreamStatus != status || e.Err == nil {
			t.Errorf("event %v, want op %s and status %d", e.LogValue(), op, status)
		}
	}
	if diff := cmp.Diff(outcomes, got); diff != "" {
		t.Errorf("events of %s (-want +got):\n%s", op, diff)
	}
}
