package handlers_test

import (
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
	faults := map[string]crossminttest.Fault{
		"known": {}, "unknown": {},
		"empty object": crossminttest.Status(200, "", `{}`), "200 without a body": crossminttest.Status(200, "text/html", ""),
		"redirect": crossminttest.Redirect("/elsewhere"), "400, no JSON": crossminttest.Status(400, "text/html", "<p>"),
	}
	for _, status := range []int{400, 401, 402, 403, 404, 409, 410, 422, 423, 429, 451} {
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
		wantReported := 6 // wrong codes
		if name != "known" && name != "unknown" {
			wantReported++ // the rejected address
		}
		if len(env.reported) != wantReported {
			t.Errorf("%s: OnError received %d errors, want %d: %v", name, len(env.reported), wantReported, env.reported)
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

// TestConfirmCodeHidesAccounts lets upstream respond to the confirmation with
// every status that might depend on the e-mail.
func TestConfirmCodeHidesAccounts(t *testing.T) {
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 410, 422, 429} {
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
