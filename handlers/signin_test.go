package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const (
	ada = "ada@example.com"
	bob = "bob@example.com"
)

func TestSignIn(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{After: &url.URL{Path: "/home"}})
	b := env.newTLSBrowser(t)
	if got := b.get("/email"); got != "" {
		t.Errorf("before the first form: pending address %q", got)
	}
	if diff := cmp.Diff(redirectTo("/code?return_to=%2Fcart%3Fa%3D1", "signin"), b.submit("/send", "email", " Ada+x@Example.com ", "return_to", "/cart?a=1")); diff != "" {
		t.Fatalf("first form (-want +got):\n%s", diff)
	}
	if got := b.get("/email"); got != "Ada+x@Example.com" {
		t.Errorf("pending address %q", got)
	}
	code := env.Fake.Code("Ada+x@Example.com")
	spaced := " " + code[:3] + " " + code[3:] + "\t"
	if diff := cmp.Diff(redirectTo("/cart?a=1", "-signin", "refresh-token", "session"), b.submit("/confirm", "code", spaced, "return_to", "/cart?a=1")); diff != "" {
		t.Fatalf("second form (-want +got):\n%s", diff)
	}
	if got, want := b.get("/whoami"), env.Fake.NewUser("Ada+x@Example.com").ID; got != want {
		t.Errorf("signed in as %q, want %q", got, want)
	}
	b.submit("/send", "email", bob)
	if diff := cmp.Diff(redirectTo("/home", "-signin", "refresh-token", "session"), b.submit("/confirm", "code", env.Fake.Code(bob))); diff != "" {
		t.Errorf("another user, without return_to (-want +got):\n%s", diff)
	}
	if got, want := b.get("/whoami"), env.Fake.NewUser(bob).ID; got != want {
		t.Errorf("signed in as %q, want %q", got, want)
	}
	if len(env.reported) > 0 {
		t.Errorf("reported errors: %v", env.reported)
	}
}

func TestSignInErrors(t *testing.T) {
	const returnTo = "return_to=%2Fcart"
	localPart := strings.Repeat("a", 250)
	tests := []struct {
		name, path string
		sent       bool     // SendCode came before
		fields     []string // alternating names and values; WRONG stands for a wrong code
		want       formResponse
		cause      string
	}{
		{name: "no address", path: "/send", want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "no at sign", path: "/send", fields: []string{"email", "ada"}, want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "a name and an address", path: "/send", fields: []string{"email", "Ada <ada@example.com>"}, want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "two addresses", path: "/send", fields: []string{"email", "ada@example.com,bob@example.com"}, want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "a line feed", path: "/send", fields: []string{"email", "ada@example.com\r\nBcc: x@y"}, want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "too long an address", path: "/send", fields: []string{"email", localPart + "@example.com"}, want: redirectTo("/signin?error=email&lang=en&" + returnTo), cause: "not an e-mail address"},
		{name: "no pending sign-in", path: "/confirm", fields: []string{"code", "123456"}, want: redirectTo("/signin?error=expired&lang=en&" + returnTo), cause: "no pending sign-in"},
		{name: "wrong code", path: "/confirm", sent: true, fields: []string{"code", "WRONG"}, want: redirectTo("/code?error=code&" + returnTo), cause: "refused by upstream (status 401)"},
		{name: "no code", path: "/confirm", sent: true, want: redirectTo("/code?error=code&" + returnTo), cause: "not a code"},
		{name: "a code with a letter", path: "/confirm", sent: true, fields: []string{"code", "12345a"}, want: redirectTo("/code?error=code&" + returnTo), cause: "not a code"},
		{name: "too long a code", path: "/confirm", sent: true, fields: []string{"code", strings.Repeat("1", 17)}, want: redirectTo("/code?error=code&" + returnTo), cause: "not a code"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			if test.sent {
				b.submit("/send", "email", ada)
			}
			before := b.jar()
			for i, field := range test.fields {
				if field == "WRONG" {
					test.fields[i] = env.wrongCode(ada)
				}
			}
			if diff := cmp.Diff(test.want, b.submit(test.path, append(test.fields, "return_to", "/cart")...)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, b.jar()); diff != "" {
				t.Errorf("cookies (-before +after):\n%s", diff)
			}
			if len(env.reported) != 1 || !strings.Contains(env.reported[0].Error(), test.cause) {
				t.Errorf("reported errors %q, want %q", env.reported, test.cause)
			}
			if test.sent && b.submit("/confirm", "code", env.Fake.Code(ada)).Location != "/" {
				t.Error("afterwards the right code is rejected")
			}
		})
	}
}

// TestSignInReturnTo sends values of return_to and expects the accepted one in
// every redirect, or none.
func TestSignInReturnTo(t *testing.T) {
	tests := map[string]string{
		"/": "/", "/a": "/a", "/a?b=//c&d=e": "/a?b=//c&d=e", "/a%20b": "/a%20b", "/a//b/%2F?u=https://e/../": "/a//b/%2F?u=https://e/../", "/a|b^c/%7e?q=d|e": "/a|b^c/%7e?q=d|e", "/a?b=c#/orders/1?d=//e": "/a?b=c#/orders/1?d=//e", "/#é": "/#%C3%A9", "/" + strings.Repeat("a", 2047): "/" + strings.Repeat("a", 2047),
		"": "", "a": "", "?a": "", "//e": "", "///e": "", "/%2Fe": "", `/\e`: "", "/%5Ce": "", "/%09/e": "", "/\t/e": "", "/\n/e": "", "/%0D%0Aa": "",
		"https:e": "", "https:/e": "", "https://e/": "", "HTTPS://e": "", "javascript:alert(1)": "", " //e": "", "\t//e": "", "//u@e": "", "//e#a": "", "#a": "", "/a#b\tc": "/a#b%09c", `/a?\`: "", "%2F%2Fe": "",
		"/" + strings.Repeat("a", 2048): "", "/é": "/%C3%A9", "/" + strings.Repeat("é", 1000): "",
	}
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	for given, want := range tests {
		t.Run(fmt.Sprintf("%.20q", given), func(t *testing.T) {
			b := env.newInProcessBrowser(t)
			b.http.Jar.SetCookies(b.site, []*http.Cookie{{Name: "x", Value: "y"}})
			got := []string{b.submit("/send", "email", "x", "return_to", given).Location}
			email := fmt.Sprintf("%x@example.com", given[:min(len(given), 20)]+fmt.Sprint(len(given)))
			got = append(got, b.submit("/send", "email", email, "return_to", given).Location)
			got = append(got, b.submit("/confirm", "code", env.wrongCode(email), "return_to", given).Location)
			got = append(got, b.submit("/confirm", "code", env.Fake.Code(email), "return_to", given).Location)
			wants := []string{"/signin?error=email&lang=en", "/code", "/code?error=code", "/"}
			if want != "" {
				query := "return_to=" + url.QueryEscape(want)
				wants = []string{wants[0] + "&" + query, "/code?" + query, "/code?error=code&" + query, want}
			}
			if diff := cmp.Diff(wants, got); diff != "" {
				t.Errorf("redirects (-want +got):\n%s", diff)
			}
		})
	}
}

// Paths on this host with dot segments could lead to another host in a browser that
// first removes the dots. They are dropped.
func TestSignInReturnToWithDots(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	for _, path := range []string{"/.//e", "/..//e", "/a/..//e", "/./e"} {
		b := env.newInProcessBrowser(t)
		email := fmt.Sprintf("%x@example.com", path)
		b.submit("/send", "email", email)
		if diff := cmp.Diff(redirectTo("/", "-signin", "refresh-token", "session"), b.submit("/confirm", "code", env.Fake.Code(email), "return_to", path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestFailedSignInKeepsSession lets a second sign-in of the same browser fail in
// many ways.
func TestFailedSignInKeepsSession(t *testing.T) {
	type try func(b *browser) formResponse
	confirm := func(b *browser) formResponse { return b.submit("/confirm", "code", b.env.Fake.Code(bob)) }
	failing := func(e crossminttest.Endpoint, fault crossminttest.Fault, then try) try {
		return func(b *browser) formResponse {
			b.env.Fake.FailAlways(e, fault)
			defer b.env.Fake.Heal()
			return then(b)
		}
	}
	const startAgain = "/signin?error=unavailable&lang=en"
	tests := map[string]struct {
		try  try
		want formResponse
	}{
		"wrong code":       {try: func(b *browser) formResponse { return b.submit("/confirm", "code", b.env.wrongCode(bob)) }, want: redirectTo("/code?error=code")},
		"rejected code":    {try: failing(crossminttest.ConfirmOTP, crossminttest.Status(400, "", `{}`), confirm), want: redirectTo("/code?error=code")},
		"confirm reset":    {try: failing(crossminttest.ConfirmOTP, crossminttest.Reset(), confirm), want: redirectTo("/code?error=unavailable")},
		"empty confirm":    {try: failing(crossminttest.ConfirmOTP, crossminttest.Status(200, "", `{}`), confirm), want: redirectTo("/code?error=unavailable")},
		"no session now":   {try: failing(crossminttest.Refresh, crossminttest.Status(403, "", `{}`), confirm), want: redirectTo("/code?error=unavailable")},
		"rejected secret":  {try: failing(crossminttest.Refresh, crossminttest.Status(401, "", `{}`), confirm), want: redirectTo(startAgain, "-signin")},
		"malformed tokens": {try: failing(crossminttest.Refresh, crossminttest.Status(200, "", `{}`), confirm), want: redirectTo(startAgain, "-signin")},
		"malformed JWT":    {try: failing(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) { a["jwt"] = "a.b.c" }), confirm), want: redirectTo(startAgain, "-signin")},
		"invalid cookie value": {try: failing(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) {
			a["refresh"].(map[string]any)["secret"] = "a;b"
		}), confirm), want: redirectTo(startAgain, "-signin")},
		"no pending sign-in": {try: func(b *browser) formResponse {
			b.http.Jar.SetCookies(b.site, []*http.Cookie{{Name: "__Host-crossmint-signin", Path: "/", Secure: true, MaxAge: -1}})
			return confirm(b)
		}, want: redirectTo("/signin?error=expired&lang=en")},
		"address rejected": {try: failing(crossminttest.SendOTP, crossminttest.Status(400, "", `{}`), func(b *browser) formResponse { return b.submit("/send", "email", bob) }), want: redirectTo("/code", "signin")},
		"send reset":       {try: failing(crossminttest.SendOTP, crossminttest.Reset(), func(b *browser) formResponse { return b.submit("/send", "email", bob) }), want: redirectTo("/signin?error=unavailable&lang=en")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			b := env.newInProcessBrowser(t)
			b.signIn(ada)
			before, userID := b.sessionCookies(), env.Fake.NewUser(ada).ID
			b.submit("/send", "email", bob)
			if diff := cmp.Diff(test.want, test.try(b)); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, b.sessionCookies()); diff != "" {
				t.Errorf("session cookies (-before +after):\n%s", diff)
			}
			if got := b.get("/whoami"); got != userID || len(env.reported) == 0 {
				t.Errorf("signed in as %q, want %q; reported errors %v", got, userID, env.reported)
			}
		})
	}
}

// TestSignInUnavailable lets upstream fail. The pending sign-in stays and can be
// finished afterwards, after any number of failed attempts.
func TestSignInUnavailable(t *testing.T) {
	for name, fault := range map[string]crossminttest.Fault{
		"500": crossminttest.Status(500, "", `{}`), "503": crossminttest.Status(503, "text/html", "<p>").With("Retry-After", "7"), "reset": crossminttest.Reset(),
		"cut off": crossminttest.Truncate(), "endless": crossminttest.HugeBody(2 << 20),
	} {
		t.Run(name, func(t *testing.T) {
			env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
			b := env.newTLSBrowser(t)
			env.Fake.FailAlways(crossminttest.SendOTP, fault)
			env.Fake.NewUser(ada)
			for _, email := range []string{ada, bob} { // with and without an account
				if diff := cmp.Diff(redirectTo("/signin?error=unavailable&lang=en"), b.submit("/send", "email", email)); diff != "" {
					t.Errorf("send (-want +got):\n%s", diff)
				}
			}
			env.Fake.Heal()
			b.submit("/send", "email", ada)
			if name == "cut off" || name == "endless" {
				return // upstream has used up the code
			}
			env.Fake.FailAlways(crossminttest.ConfirmOTP, fault)
			for range 7 {
				if diff := cmp.Diff(redirectTo("/code?error=unavailable"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
					t.Errorf("confirm (-want +got):\n%s", diff)
				}
			}
			env.Fake.Heal()
			if diff := cmp.Diff(redirectTo("/", "-signin", "refresh-token", "session"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
			if got := env.countErrors(session.ErrUnavailable); got != 9 {
				t.Errorf("%d reported errors are ErrUnavailable, want 9", got)
			}
		})
	}
}
