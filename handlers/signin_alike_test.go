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

// told is all that an answer tells: the cookie by its form and length, since
// what it holds is sealed.
func told(res *http.Response, body string) string {
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

// TestSignInTellsNothing sends a code to an address that upstream knows, to
// one that it does not, and to ones that it refuses in every way, and types in
// a wrong code for each. Nobody may see a difference.
func TestSignInTellsNothing(t *testing.T) {
	faults := map[string]crossminttest.Fault{
		"known": {}, "unknown": {},
		"empty answer": crossminttest.Status(200, "", `{}`), "an answer without text": crossminttest.Status(200, "text/html", ""),
		"redirect": crossminttest.Redirect("/elsewhere"), "400, no JSON": crossminttest.Status(400, "text/html", "<p>"),
	}
	for _, status := range []int{400, 401, 402, 403, 404, 409, 410, 422, 423, 429, 451} {
		faults[fmt.Sprint(status)] = crossminttest.Status(status, "", `{"message":"no such user"}`).With("Retry-After", "9").With("X-Reason", "unknown")
	}
	answers := map[string][]string{}
	for name, fault := range faults {
		k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
		if name != "unknown" {
			k.fake.NewUser(ada)
		}
		k.fake.FailAlways(crossminttest.SendOTP, fault)
		v := k.visit(t)
		answers[name] = append(answers[name], told(v.post("/send", "email", ada, "return_to", "/cart")))
		for range 6 {
			answers[name] = append(answers[name], told(v.post("/confirm", "code", k.wrong(ada))))
		}
		if sent := name == "known" || name == "unknown"; len(k.causes) != 6+map[bool]int{true: 0, false: 1}[sent] {
			t.Errorf("%s: the hook received %d causes: %v", name, len(k.causes), k.causes)
		}
		if got := k.fake.Calls().ConfirmOTP; got != 5 {
			t.Errorf("%s: %d confirmations reached upstream, want 5", name, got)
		}
	}
	for name, got := range maps.All(answers) {
		if diff := cmp.Diff(answers["known"], got); diff != "" {
			t.Errorf("%s (-a known address's +got):\n%s", name, diff)
		}
	}
}

// TestSignInTellsNothingOfConfirms answers the confirmation in ways that
// upstream may have for one e-mail and not for another.
func TestSignInTellsNothingOfConfirms(t *testing.T) {
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 410, 422, 429} {
		k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
		k.fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Status(status, "", `{"message":"no such e-mail"}`).With("Retry-After", "9"))
		v := k.visitInside(t)
		v.send("/send", "email", ada)
		if diff := cmp.Diff(to("/code?error=code"), v.send("/confirm", "code", "123456")); diff != "" {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
		var up *session.UpstreamError
		if len(k.causes) != 1 || !errors.As(k.causes[0], &up) || up.Status != status {
			t.Errorf("%d: the hook received %v", status, k.causes)
		}
	}
}

// TestSignInKeepsSecrets signs in, and lets it go wrong in many ways, and looks
// for the code, the ID of the e-mail and the secrets in all that is told.
func TestSignInKeepsSecrets(t *testing.T) {
	const canary = "CANARY"
	echo := crossminttest.Status(401, "", `{"message":"`+canary+` <script>"}`)
	edit := func(member string) crossminttest.Fault {
		return crossminttest.Edit(func(a map[string]any) { a[member] = canary + "-" + member })
	}
	faults := map[string]map[crossminttest.Endpoint]crossminttest.Fault{
		"none": nil, "unknown ID": {crossminttest.SendOTP: edit("emailId")}, "unknown secret": {crossminttest.ConfirmOTP: edit("oneTimeSecret")},
		"ID and refusal":     {crossminttest.SendOTP: edit("emailId"), crossminttest.ConfirmOTP: echo},
		"ID and no answer":   {crossminttest.SendOTP: edit("emailId"), crossminttest.ConfirmOTP: crossminttest.Reset()},
		"secret and refusal": {crossminttest.ConfirmOTP: edit("oneTimeSecret"), crossminttest.Refresh: echo},
		"secret and 403":     {crossminttest.ConfirmOTP: edit("oneTimeSecret"), crossminttest.Refresh: crossminttest.Status(403, "", canary)},
		"a long ID":          {crossminttest.SendOTP: crossminttest.Edit(func(a map[string]any) { a["emailId"] = strings.Repeat(canary, 50) })},
		"everything echoed":  {crossminttest.SendOTP: echo, crossminttest.ConfirmOTP: echo},
	}
	for name, endpoints := range faults {
		k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
		for endpoint, fault := range endpoints {
			k.fake.FailAlways(endpoint, fault)
		}
		v := k.visit(t)
		told, forbidden := "", []string{canary, "<script>", "ada@", "ada%40"}
		for _, form := range [][]string{{"/send", "email", ada}, {"/confirm", "code", canary + "1"}, {"/confirm", "code", ""}} {
			if form[2] == "" {
				form[2] = k.fake.Code(ada)
				forbidden = append(forbidden, "code="+form[2], `"`+form[2]+`"`)
			}
			res, body := v.post(form[0], form[1:]...)
			told += body + fmt.Sprint(withoutCookies(res.Header))
			for name, value := range v.jar() {
				if strings.Contains(name, "signin") {
					told += value
				} else {
					forbidden = append(forbidden, value)
				}
			}
		}
		told += strings.Join(k.errors, "\n") + fmt.Sprintf("%v %+v", k.causes, k.causes)
		for _, secret := range forbidden {
			if at := strings.Index(told, secret); secret != "" && at >= 0 {
				t.Errorf("%s: %q was told: %q", name, secret, told[max(0, at-200):min(len(told), at+100)])
			}
		}
	}
}
