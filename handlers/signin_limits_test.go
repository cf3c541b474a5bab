package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

var (
	codeSent    = redirectTo("/code", "signin")
	sendLimited = redirectTo("/signin?error=limit&lang=en")
)

// withFakeClock runs f in a synctest bubble.
func withFakeClock(t *testing.T, f func(t *testing.T, env *signInEnv)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{}))
	})
}

func TestSendLimitPerAddress(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		spellings := []string{ada, "ADA@example.com", "Ada@Example.COM", "ada+1@example.com", "ada+a+b@example.com"}
		for _, email := range spellings {
			time.Sleep(time.Minute)
			if diff := cmp.Diff(codeSent, env.newInProcessBrowser(t).submit("/send", "email", email)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", email, diff)
			}
		}
		b := env.newInProcessBrowser(t)
		for _, email := range spellings {
			if diff := cmp.Diff(sendLimited, b.submit("/send", "email", email)); diff != "" {
				t.Errorf("%s, after five (-want +got):\n%s", email, diff)
			}
		}
		for _, email := range []string{bob, "ada@example.org", "xada@example.com"} {
			if diff := cmp.Diff(codeSent, b.submit("/send", "email", email)); diff != "" {
				t.Errorf("%s, another inbox (-want +got):\n%s", email, diff)
			}
		}
		time.Sleep(6*time.Minute - time.Nanosecond)
		if diff := cmp.Diff(sendLimited, b.submit("/send", "email", ada)); diff != "" {
			t.Errorf("just before ten minutes (-want +got):\n%s", diff)
		}
		time.Sleep(time.Nanosecond)
		if diff := cmp.Diff(codeSent, b.submit("/send", "email", ada)); diff != "" {
			t.Errorf("after ten minutes (-want +got):\n%s", diff)
		}
		if calls, limited := env.Fake.Calls().SendOTP, env.countErrors(handlers.ErrLimited); calls != 9 || limited != 6 {
			t.Errorf("%d sends and %d limits, want 9 and 6", calls, limited)
		}
	})
}

// TestFailedSendsCount lets upstream reject an address (400) and be unavailable
// (500).
func TestFailedSendsCount(t *testing.T) {
	for _, status := range []int{400, 500} {
		withFakeClock(t, func(t *testing.T, env *signInEnv) {
			env.Fake.FailAlways(crossminttest.SendOTP, crossminttest.Status(status, "", `{}`))
			b := env.newInProcessBrowser(t)
			for range 5 {
				b.submit("/send", "email", ada)
			}
			if diff := cmp.Diff(sendLimited, b.submit("/send", "email", ada)); diff != "" || env.Fake.Calls().SendOTP != 5 {
				t.Errorf("%d: after five, %d of which reached upstream (-want +got):\n%s", status, env.Fake.Calls().SendOTP, diff)
			}
		})
	}
}

// TestWrongCodeLimit tries 20 different wrong codes for one e-mail. Five reach upstream;
// then the right code is rejected, too, and the user must request a new one.
func TestWrongCodeLimit(t *testing.T) {
	for _, parallel := range []bool{false, true} {
		withFakeClock(t, func(t *testing.T, env *signInEnv) {
			b := env.newInProcessBrowser(t)
			b.submit("/send", "email", ada)
			pending := b.http.Jar.Cookies(b.site)
			var wg sync.WaitGroup
			right := env.Fake.Code(ada)
			for i := range 20 {
				tab := env.newBrowser(t, b.site, b.http.Transport)
				tab.http.Jar.SetCookies(b.site, pending)
				wrong := fmt.Sprintf("%05d%d", i, (right[5]-'0'+1)%10) // its last digit is wrong
				try := func() { tab.submit("/confirm", "code", wrong) }
				if parallel {
					wg.Go(try)
				} else {
					try()
				}
			}
			wg.Wait()
			if got := env.Fake.Calls().ConfirmOTP; got != 5 {
				t.Errorf("parallel %v: %d codes reached upstream, want 5", parallel, got)
			}
			time.Sleep(9 * time.Minute)
			if diff := cmp.Diff(redirectTo("/signin?error=limit&lang=en", "-signin"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
				t.Errorf("the right code after five wrong ones (-want +got):\n%s", diff)
			}
			if env.Fake.Calls().ConfirmOTP != 5 || env.countErrors(handlers.ErrLimited) != 16 {
				t.Errorf("%d codes reached upstream, %d were limited", env.Fake.Calls().ConfirmOTP, env.countErrors(handlers.ErrLimited))
			}
			b.signIn(ada) // with another code
		})
	}
}

func TestPendingSignInExpires(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		cookies := b.http.Jar.Cookies(b.site)
		time.Sleep(10 * time.Minute)
		b.http.Jar.SetCookies(b.site, cookies) // a browser that ignores Max-Age
		if diff := cmp.Diff(redirectTo("/signin?error=expired&lang=en"), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
			t.Errorf("after ten minutes (-want +got):\n%s", diff)
		}
	})
}

func TestSendLimitOfAllAddresses(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		got := map[formResponse]int{}
		for i := range 130 {
			got[b.submit("/send", "email", fmt.Sprintf("user%d@example.com", i))]++
		}
		if diff := cmp.Diff(map[formResponse]int{codeSent: 100, sendLimited: 30}, got); diff != "" {
			t.Errorf("130 sends (-want +got):\n%s", diff)
		}
		time.Sleep(10 * time.Second)
		for range 5 { // a send that the limit rejects does not count against its address
			if diff := cmp.Diff(codeSent, b.submit("/send", "email", "user129@example.com")); diff != "" {
				t.Errorf("ten seconds later (-want +got):\n%s", diff)
			}
		}
	})
}

// TestConcurrentCallLimit lets upstream hang. 64 calls wait for it, and all others
// are rejected at once.
func TestConcurrentCallLimit(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", bob)
		env.Fake.FailAlways(crossminttest.SendOTP, crossminttest.Hang())
		var wg sync.WaitGroup
		started := time.Now()
		for i := range 64 {
			wg.Go(func() {
				waiting := env.newInProcessBrowser(t).submit("/send", "email", fmt.Sprintf("user%d@example.com", i))
				if diff := cmp.Diff(redirectTo("/signin?error=unavailable&lang=en"), waiting); diff != "" {
					t.Errorf("waiting call (-want +got):\n%s", diff)
				}
			})
		}
		synctest.Wait()
		for range 7 { // rejected calls do not count against address or code
			if diff := cmp.Diff(sendLimited, b.submit("/send", "email", ada)); diff != "" {
				t.Errorf("another send (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(redirectTo("/code?error=limit"), b.submit("/confirm", "code", env.Fake.Code(bob))); diff != "" {
				t.Errorf("another code (-want +got):\n%s", diff)
			}
		}
		wg.Wait()
		if took := time.Since(started); took != 8*time.Second {
			t.Errorf("waited for %v, want 8 s", took)
		}
		env.Fake.Heal()
		if diff := cmp.Diff(redirectTo("/", "-signin", "refresh-token", "session"), b.submit("/confirm", "code", env.Fake.Code(bob))); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
		for range 5 {
			if diff := cmp.Diff(codeSent, b.submit("/send", "email", ada)); diff != "" {
				t.Errorf("a send, afterwards (-want +got):\n%s", diff)
			}
		}
	})
}

// TestLimitsIgnoreClientAddress sends one address from many clients.
func TestLimitsIgnoreClientAddress(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		for i := range 10 {
			r := post("/send", "email=ada%40example.com", "", "")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"} {
				r.Header.Set(name, fmt.Sprintf("198.51.100.%d", i))
			}
			res, _ := env.serve(t, r)
			if limited := strings.Contains(res.Header.Get("Location"), "limit"); res.StatusCode != http.StatusSeeOther || limited != (i >= 5) {
				t.Errorf("send %d: %d %s", i, res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
}

// TestRejectedSendsDoNotFillTable floods with forged addresses, which the limit of
// all addresses rejects. Afterwards a new address can sign in.
func TestRejectedSendsDoNotFillTable(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		for i := range handlers.MaxNames {
			b.submit("/send", "email", fmt.Sprintf("user%d@example.com", i))
		}
		time.Sleep(11 * time.Second) // longer than the window of all addresses
		if diff := cmp.Diff(codeSent, b.submit("/send", "email", ada)); diff != "" {
			t.Errorf("response (-want +got):\n%s", diff)
		}
	})
}

// TestConfiguredLimits changes the limits.
func TestConfiguredLimits(t *testing.T) {
	guess := func(b *browser, i int) formResponse {
		right := b.env.Fake.Code(ada)
		return b.submit("/confirm", "code", fmt.Sprintf("%05d%d", i, (right[5]-'0'+1)%10))
	}
	send := func(b *browser, i int) formResponse {
		return b.submit("/send", "email", fmt.Sprintf("user%d@example.com", i))
	}
	tests := []struct {
		name    string
		config  handlers.SignInConfig
		do      func(b *browser, i int) formResponse
		allowed int // before the limit
	}{
		{name: "sends per address", config: handlers.SignInConfig{MaxSendsPerAddress: 2}, allowed: 2, do: func(b *browser, _ int) formResponse { return b.submit("/send", "email", bob) }},
		{name: "sends", config: handlers.SignInConfig{MaxSends: 3}, allowed: 2, do: send}, // one was sent before
		{name: "guesses per e-mail", config: handlers.SignInConfig{MaxGuessesPerEmail: 2}, allowed: 2, do: guess},
		{name: "guesses per address", config: handlers.SignInConfig{MaxGuessesPerAddress: 3}, allowed: 3, do: guess},
		{name: "forms per client", config: handlers.SignInConfig{MaxFormsPerClient: 4, ClientKey: func(*http.Request) string { return "client" }}, allowed: 3, do: send},
		{name: "default forms per client", config: handlers.SignInConfig{ClientKey: func(*http.Request) string { return "client" }}, allowed: 49, do: send},
		{name: "clients without a name", config: handlers.SignInConfig{MaxFormsPerClient: 1, ClientKey: func(*http.Request) string { return "" }}, allowed: 99, do: send},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				env := newSignInEnv(t, crossminttest.Config{InMemory: true}, test.config)
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				allowed := 0
				for i := range 110 {
					if strings.Contains(test.do(b, i).Location, "limit") {
						break
					}
					allowed++
				}
				if allowed != test.allowed {
					t.Errorf("%d forms before the limit, want %d", allowed, test.allowed)
				}
			})
		})
	}
}

// TestClientKeySeparatesClients lets one client use up its forms. Another one signs in.
func TestClientKeySeparatesClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{
			MaxFormsPerClient: 2, ClientKey: func(r *http.Request) string { return r.Header.Get("User-Agent") },
		})
		b := env.newInProcessBrowser(t)
		submit := func(client, path, name, value string) string {
			r := post(path, url.Values{name: {value}}.Encode(), "", "")
			setHeaders("Content-Type", "application/x-www-form-urlencoded", "User-Agent", client)(r)
			for _, c := range b.http.Jar.Cookies(b.site) {
				r.AddCookie(c)
			}
			res, _ := env.serve(t, r)
			b.http.Jar.SetCookies(b.site, res.Cookies())
			return res.Header.Get("Location")
		}
		var got []string
		for range 2 {
			got = append(got, submit("one", "/send", "email", ada))
		}
		got = append(got, submit("one", "/send", "email", bob), submit("one", "/confirm", "code", env.Fake.Code(ada)), submit("two", "/confirm", "code", env.Fake.Code(ada)))
		if diff := cmp.Diff([]string{"/code", "/code", "/signin?error=limit&lang=en", "/code?error=limit", "/"}, got); diff != "" {
			t.Errorf("locations (-want +got):\n%s", diff)
		}
	})
}

// TestGuessesPerAddressLastADay asks for one code after another and guesses. Right
// codes do not count.
func TestGuessesPerAddressLastADay(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		started, guesses := time.Now(), 0
		for b.submit("/send", "email", ada) == codeSent {
			right := env.Fake.Code(ada)
			for i := 0; ; i++ {
				got := b.submit("/confirm", "code", fmt.Sprintf("%05d%d", i, (right[5]-'0'+1)%10))
				if got.Location != "/code?error=code" {
					break
				}
				guesses++
			}
			b.http.Jar.SetCookies(b.site, []*http.Cookie{{Name: "__Host-crossmint-signin", Path: "/", Secure: true, MaxAge: -1}})
			time.Sleep(3 * time.Minute)
		}
		if guesses != 100 {
			t.Errorf("%d guesses, want 100", guesses)
		}
		if diff := cmp.Diff(sendLimited, b.submit("/send", "email", "ADA+1@example.com")); diff != "" {
			t.Errorf("another spelling (-want +got):\n%s", diff)
		}
		b.signIn(bob)
		time.Sleep(time.Until(started.Add(24 * time.Hour)))
		for range 120 {
			time.Sleep(3 * time.Minute)
			b.signIn(ada)
		}
	})
}
