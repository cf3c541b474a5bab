package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
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
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{After: &url.URL{Path: "/home"}})
	v := k.visit(t)
	if got := v.get("/email"); got != "" {
		t.Errorf("before: a code was sent to %q", got)
	}
	if diff := cmp.Diff(to("/code?return_to=%2Fcart%3Fa%3D1", "signin"), v.send("/send", "email", " Ada+x@Example.com ", "return_to", "/cart?a=1")); diff != "" {
		t.Fatalf("address (-want +got):\n%s", diff)
	}
	if got := v.get("/email"); got != "Ada+x@Example.com" {
		t.Errorf("a code was sent to %q", got)
	}
	code := k.fake.Code("Ada+x@Example.com")
	spaced := " " + code[:3] + " " + code[3:] + "\t"
	if diff := cmp.Diff(to("/cart?a=1", "-signin", "refresh-token", "session"), v.send("/confirm", "code", spaced, "return_to", "/cart?a=1")); diff != "" {
		t.Fatalf("code (-want +got):\n%s", diff)
	}
	if got, want := v.get("/whoami"), k.fake.NewUser("Ada+x@Example.com").ID; got != want {
		t.Errorf("signed in as %q, want %q", got, want)
	}
	v.send("/send", "email", bob)
	if diff := cmp.Diff(to("/home", "-signin", "refresh-token", "session"), v.send("/confirm", "code", k.fake.Code(bob))); diff != "" {
		t.Errorf("somebody else, to no place of his own (-want +got):\n%s", diff)
	}
	if got, want := v.get("/whoami"), k.fake.NewUser(bob).ID; got != want {
		t.Errorf("signed in as %q, want %q", got, want)
	}
	if len(k.causes) > 0 {
		t.Errorf("errors: %v", k.causes)
	}
}

func TestSignInProblems(t *testing.T) {
	const here = "return_to=%2Fcart"
	long := strings.Repeat("a", 250)
	tests := []struct {
		name, path string
		sent       bool // a code was sent before
		fields     []string
		want       landing
		cause      string
	}{
		{"no address", "/send", false, nil, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"no e-mail address", "/send", false, []string{"email", "ada"}, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"a name and an address", "/send", false, []string{"email", "Ada <ada@example.com>"}, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"two addresses", "/send", false, []string{"email", "ada@example.com,bob@example.com"}, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"a line feed", "/send", false, []string{"email", "ada@example.com\r\nBcc: x@y"}, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"too long", "/send", false, []string{"email", long + "@example.com"}, to("/signin?error=email&lang=en&" + here), "not an e-mail address"},
		{"nothing pending", "/confirm", false, []string{"code", "123456"}, to("/signin?error=expired&lang=en&" + here), "no pending sign-in"},
		{"wrong code", "/confirm", true, []string{"code", "wrong"}, to("/code?error=code&" + here), "refused by upstream (status 401)"},
		{"no code", "/confirm", true, nil, to("/code?error=code&" + here), "not a code"},
		{"letters", "/confirm", true, []string{"code", "12345a"}, to("/code?error=code&" + here), "not a code"},
		{"a long code", "/confirm", true, []string{"code", strings.Repeat("1", 17)}, to("/code?error=code&" + here), "not a code"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
			v := k.visitInside(t)
			if test.sent {
				v.send("/send", "email", ada)
			}
			before := v.jar()
			for i, field := range test.fields {
				if field == "wrong" {
					test.fields[i] = k.wrong(ada)
				}
			}
			if diff := cmp.Diff(test.want, v.send(test.path, append(test.fields, "return_to", "/cart")...)); diff != "" {
				t.Errorf("landing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, v.jar()); diff != "" {
				t.Errorf("cookies (-before +after):\n%s", diff)
			}
			if len(k.causes) != 1 || !strings.Contains(k.causes[0].Error(), test.cause) {
				t.Errorf("causes %q, want %q", k.causes, test.cause)
			}
			if test.sent && v.send("/confirm", "code", k.fake.Code(ada)).Location != "/" {
				t.Error("afterwards the right code is not taken")
			}
		})
	}
}

// TestSignInReturnTo sends what could lead to another host.
func TestSignInReturnTo(t *testing.T) {
	tests := map[string]string{
		"/": "/", "/a": "/a", "/a?b=//c&d=e": "/a?b=//c&d=e", "/a%20b": "/a%20b", "/" + strings.Repeat("a", 2047): "/" + strings.Repeat("a", 2047),
		"": "", "a": "", "?a": "", "//e": "", "///e": "", "/%2Fe": "", `/\e`: "", "/%5Ce": "", "/%09/e": "", "/\t/e": "", "/\n/e": "", "/%0D%0Aa": "",
		"https:e": "", "https:/e": "", "https://e/": "", "HTTPS://e": "", "javascript:alert(1)": "", " //e": "", "\t//e": "", "//u@e": "", "/a#b": "", `/a?\`: "", "%2F%2Fe": "",
		"/" + strings.Repeat("a", 2048): "",
	}
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
	for given, want := range tests {
		t.Run(fmt.Sprintf("%.20q", given), func(t *testing.T) {
			v := k.visitInside(t)
			v.http.Jar.SetCookies(v.site, []*http.Cookie{{Name: "x", Value: "y"}})
			got := []string{v.send("/send", "email", "x", "return_to", given).Location}
			email := fmt.Sprintf("%x@example.com", given[:min(len(given), 20)]+fmt.Sprint(len(given)))
			got = append(got, v.send("/send", "email", email, "return_to", given).Location)
			got = append(got, v.send("/confirm", "code", k.wrong(email), "return_to", given).Location)
			got = append(got, v.send("/confirm", "code", k.fake.Code(email), "return_to", given).Location)
			wants := []string{"/signin?error=email&lang=en", "/code", "/code?error=code", "/"}
			if want != "" {
				query := "return_to=" + url.QueryEscape(want)
				wants = []string{wants[0] + "&" + query, "/code?" + query, "/code?error=code&" + query, want}
			}
			if diff := cmp.Diff(wants, got); diff != "" {
				t.Errorf("landings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSignInKeepsTheSession lets a second sign-in of the same browser fail in
// many ways.
func TestSignInKeepsTheSession(t *testing.T) {
	type try func(v *visitor) landing
	confirm := func(v *visitor) landing { return v.send("/confirm", "code", v.kit.fake.Code(bob)) }
	failing := func(e crossminttest.Endpoint, fault crossminttest.Fault, then try) try {
		return func(v *visitor) landing {
			v.kit.fake.FailAlways(e, fault)
			defer v.kit.fake.Heal()
			return then(v)
		}
	}
	const spent = "/signin?error=unavailable&lang=en"
	tests := map[string]struct {
		try  try
		want landing
	}{
		"wrong code":       {func(v *visitor) landing { return v.send("/confirm", "code", v.kit.wrong(bob)) }, to("/code?error=code")},
		"refused code":     {failing(crossminttest.ConfirmOTP, crossminttest.Status(400, "", `{}`), confirm), to("/code?error=code")},
		"no answer":        {failing(crossminttest.ConfirmOTP, crossminttest.Reset(), confirm), to("/code?error=unavailable")},
		"empty answer":     {failing(crossminttest.ConfirmOTP, crossminttest.Status(200, "", `{}`), confirm), to("/code?error=code")},
		"refused secret":   {failing(crossminttest.Refresh, crossminttest.Status(401, "", `{}`), confirm), to(spent, "-signin")},
		"malformed grant":  {failing(crossminttest.Refresh, crossminttest.Status(200, "", `{}`), confirm), to(spent, "-signin")},
		"a session of air": {failing(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) { a["jwt"] = "a.b.c" }), confirm), to(spent, "-signin")},
		"no cookie holds it": {failing(crossminttest.Refresh, crossminttest.Edit(func(a map[string]any) {
			a["refresh"].(map[string]any)["secret"] = "a;b"
		}), confirm), to(spent, "-signin")},
		"nothing pending": {func(v *visitor) landing {
			v.http.Jar.SetCookies(v.site, []*http.Cookie{{Name: "__Host-crossmint-signin", Path: "/", Secure: true, MaxAge: -1}})
			return confirm(v)
		}, to("/signin?error=expired&lang=en")},
		"another send": {failing(crossminttest.SendOTP, crossminttest.Status(400, "", `{}`), func(v *visitor) landing { return v.send("/send", "email", bob) }), to("/code", "signin")},
		"no send":      {failing(crossminttest.SendOTP, crossminttest.Reset(), func(v *visitor) landing { return v.send("/send", "email", bob) }), to("/signin?error=unavailable&lang=en")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
			v := k.visitInside(t)
			v.comeIn(ada)
			before, who := v.sessionCookies(), k.fake.NewUser(ada).ID
			v.send("/send", "email", bob)
			if diff := cmp.Diff(test.want, test.try(v)); diff != "" {
				t.Errorf("landing (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, v.sessionCookies()); diff != "" {
				t.Errorf("session cookies (-before +after):\n%s", diff)
			}
			if got := v.get("/whoami"); got != who || len(k.causes) == 0 {
				t.Errorf("signed in as %q, want %q; causes %v", got, who, k.causes)
			}
		})
	}
}

// TestSignInTwice sends the right code again, and at once from many tabs.
func TestSignInTwice(t *testing.T) {
	k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
	v := k.visit(t)
	v.send("/send", "email", ada)
	pending, code := v.http.Jar.Cookies(v.site), k.fake.Code(ada)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[string]int{}
	for range 5 {
		wg.Go(func() {
			tab := k.visitor(t, v.site, v.http.Transport)
			tab.http.Jar.SetCookies(v.site, pending)
			res, _ := tab.post("/confirm", "code", code)
			mu.Lock()
			defer mu.Unlock()
			got[landingOf(res).Location+" "+landingOf(res).Cookies]++
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]int{"/ -signin refresh-token session": 1, "/code?error=code ": 4}, got); diff != "" {
		t.Errorf("landings (-want +got):\n%s", diff)
	}
	if n := k.fake.LiveOf(k.fake.NewUser(ada).ID); n != 1 {
		t.Errorf("signed in at %d places", n)
	}
}

// TestSignInUnavailable keeps upstream away: what is pending stays, and is
// finished when upstream is back, however often it was tried meanwhile.
func TestSignInUnavailable(t *testing.T) {
	for name, fault := range map[string]crossminttest.Fault{
		"500": crossminttest.Status(500, "", `{}`), "503": crossminttest.Status(503, "text/html", "<p>").With("Retry-After", "7"), "reset": crossminttest.Reset(),
		"cut off": crossminttest.Truncate(), "endless": crossminttest.HugeBody(2 << 20),
	} {
		t.Run(name, func(t *testing.T) {
			k := newSignInKit(t, crossminttest.Config{}, handlers.SignInConfig{})
			v := k.visit(t)
			k.fake.FailAlways(crossminttest.SendOTP, fault)
			k.fake.NewUser(ada)
			for _, email := range []string{ada, bob} { // a user and none
				if diff := cmp.Diff(to("/signin?error=unavailable&lang=en"), v.send("/send", "email", email)); diff != "" {
					t.Errorf("send (-want +got):\n%s", diff)
				}
			}
			k.fake.Heal()
			v.send("/send", "email", ada)
			if name == "cut off" || name == "endless" {
				return // upstream has judged the code and spent it
			}
			k.fake.FailAlways(crossminttest.ConfirmOTP, fault)
			for range 7 {
				if diff := cmp.Diff(to("/code?error=unavailable"), v.send("/confirm", "code", k.fake.Code(ada))); diff != "" {
					t.Errorf("confirm (-want +got):\n%s", diff)
				}
			}
			k.fake.Heal()
			if diff := cmp.Diff(to("/", "-signin", "refresh-token", "session"), v.send("/confirm", "code", k.fake.Code(ada))); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
			if got := k.caused(session.ErrUnavailable); got != 9 {
				t.Errorf("%d causes were unavailability, want 9", got)
			}
		})
	}
}
