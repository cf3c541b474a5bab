package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
)

// TestSignInDoesNotLeakSecrets signs in while upstream fails in many ways. It
// searches all responses and errors for the code, the e-mail ID and the tokens.
func TestSignInDoesNotLeakSecrets(t *testing.T) {
	const canary = "CANARY"
	echo := crossminttest.Status(401, "", `{"message":"`+canary+` <script>"}`)
	edit := func(member string) crossminttest.Fault {
		return crossminttest.Edit(func(a map[string]any) { a[member] = canary + "-" + member })
	}
	faults := map[string]map[crossminttest.Endpoint]crossminttest.Fault{
		"none": nil, "unknown ID": {crossminttest.SendOTP: edit("emailId")}, "unknown secret": {crossminttest.ConfirmOTP: edit("oneTimeSecret")},
		"ID and rejection":     {crossminttest.SendOTP: edit("emailId"), crossminttest.ConfirmOTP: echo},
		"ID and reset":         {crossminttest.SendOTP: edit("emailId"), crossminttest.ConfirmOTP: crossminttest.Reset()},
		"secret and rejection": {crossminttest.ConfirmOTP: edit("oneTimeSecret"), crossminttest.Refresh: echo},
		"secret and 403":       {crossminttest.ConfirmOTP: edit("oneTimeSecret"), crossminttest.Refresh: crossminttest.Status(403, "", canary)},
		"a long ID":            {crossminttest.SendOTP: crossminttest.Edit(func(a map[string]any) { a["emailId"] = strings.Repeat(canary, 50) })},
		"everything echoed":    {crossminttest.SendOTP: echo, crossminttest.ConfirmOTP: echo},
	}
	for name, endpoints := range faults {
		env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
		for endpoint, fault := range endpoints {
			env.Fake.FailAlways(endpoint, fault)
		}
		b := env.newTLSBrowser(t)
		visible, forbidden := "", []string{canary, "<script>", "ada@", "ada%40"}
		for _, form := range [][]string{{"/send", "email", ada}, {"/confirm", "code", canary + "1"}, {"/confirm", "code", ""}} {
			if form[2] == "" {
				form[2] = env.Fake.Code(ada)
				forbidden = append(forbidden, "code="+form[2], `"`+form[2]+`"`)
			}
			res, body := b.postForm(form[0], form[1:]...)
			visible += body + fmt.Sprint(withoutCookies(res.Header))
			for name, value := range b.jar() {
				if strings.Contains(name, "signin") {
					visible += value
				} else {
					forbidden = append(forbidden, value)
				}
			}
		}
		visible += strings.Join(env.errors, "\n") + fmt.Sprintf("%v %+v", env.reported, env.reported)
		for _, secret := range forbidden {
			if at := strings.Index(visible, secret); secret != "" && at >= 0 {
				t.Errorf("%s: %q leaked: %q", name, secret, visible[max(0, at-200):min(len(visible), at+100)])
			}
		}
	}
}
