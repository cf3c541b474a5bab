package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

var signedIn = redirectTo("/", "-signin", "refresh-token", "session")

// copyBrowser returns a browser with the same cookies, whose later ones b does not get.
func (b *browser) copyBrowser() *browser {
	tab := b.env.newBrowser(b.T, b.site, b.http.Transport)
	tab.http.Jar.SetCookies(b.site, b.http.Jar.Cookies(b.site))
	return tab
}

// submitCode submits a code in a request that ends with ctx.
func (b *browser) submitCode(ctx context.Context, code string) formResponse {
	r := httptest.NewRequest(http.MethodPost, b.site.String()+"/confirm", strings.NewReader(url.Values{"code": {code}}.Encode())).WithContext(ctx)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range b.http.Jar.Cookies(b.site) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.env.mux.ServeHTTP(w, r)
	return newFormResponse(w.Result())
}

// TestDoubleClick submits the form with the code twice. A browser cancels the request
// of the first click when the second one is sent, and drops its response; a script or
// another tab does not.
func TestDoubleClick(t *testing.T) {
	const ms = time.Millisecond
	for _, gap := range []time.Duration{0, 50 * ms, 300 * ms, 600 * ms} {
		for _, delay := range []time.Duration{0, 100 * ms, 400 * ms, 1000 * ms} {
			for _, canceled := range []bool{true, false} {
				t.Run(fmt.Sprintf("%v, upstream %v, canceled %v", gap, delay, canceled), func(t *testing.T) {
					withFakeClock(t, func(t *testing.T, env *signInEnv) {
						b := env.newInProcessBrowser(t)
						b.submit("/send", "email", ada)
						code := env.Fake.Code(ada)
						env.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Delay(delay))
						env.Fake.FailAlways(crossminttest.Refresh, crossminttest.Delay(delay))
						clicks := []*browser{b, b}
						first, cancel := context.WithCancel(t.Context())
						var wg sync.WaitGroup
						var firstResponse formResponse
						wg.Go(func() {
							if canceled {
								b.submitCode(first, code) // its cookies are dropped
							} else {
								firstResponse = clicks[0].submit("/confirm", "code", code)
							}
						})
						time.Sleep(gap)
						if canceled {
							cancel()
						}
						secondResponse := clicks[1].submit("/confirm", "code", code)
						wg.Wait()
						cancel()
						// Clicks at the same moment may arrive in any order.
						swapped := gap == 0 && secondResponse == signedIn
						if !canceled && firstResponse != signedIn && !(swapped && firstResponse.Location == "/") {
							t.Errorf("first response %+v", firstResponse)
						}
						if secondResponse.Location != "/" {
							t.Errorf("second response %+v", secondResponse)
						}
						user := env.Fake.NewUser(ada).ID
						if got := b.get("/whoami"); got != user {
							t.Errorf("signed in as %q, want %q", got, user)
						}
						calls := env.Fake.Calls()
						if live := env.Fake.LiveOf(user); live != 1 || calls.ConfirmOTP != 1 || calls.Refresh != 1 {
							t.Errorf("%d live refresh tokens, %+v", live, calls)
						}
					})
				})
			}
		}
	}
}

// TestOneCodeInFiveTabs submits the right code from five tabs at once. All get the
// same session.
func TestOneCodeInFiveTabs(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{}, handlers.SignInConfig{})
	b := env.newTLSBrowser(t)
	b.submit("/send", "email", ada)
	code, user := env.Fake.Code(ada), env.Fake.NewUser(ada).ID
	var wg sync.WaitGroup
	for range 5 {
		tab := b.copyBrowser()
		wg.Go(func() {
			if diff := cmp.Diff(signedIn, newFormResponse(firstOf(tab.postForm("/confirm", "code", code)))); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if got := tab.get("/whoami"); got != user {
				t.Errorf("signed in as %q, want %q", got, user)
			}
		})
	}
	wg.Wait()
	calls := env.Fake.Calls()
	if live := env.Fake.LiveOf(user); live != 1 || calls.ConfirmOTP != 1 || calls.Refresh != 1 {
		t.Errorf("%d live refresh tokens, %+v", live, calls)
	}
}

func firstOf(res *http.Response, _ string) *http.Response { return res }

// TestSubmitAgain submits the code again some time after the first submit.
func TestSubmitAgain(t *testing.T) {
	const used = "/code?error=code"
	tests := []struct {
		name      string
		delivered bool // the first response has left
		hasCookie bool // the browser has its cookies
		wait      time.Duration
		want      formResponse
	}{
		{name: "lost response", wait: 55 * time.Second, want: signedIn},
		{name: "lost response, too late", wait: time.Minute, want: redirectTo(used)},
		{name: "delivered", delivered: true, wait: 7 * time.Second, want: signedIn},
		{name: "delivered, too late", delivered: true, wait: 8 * time.Second, want: redirectTo(used)},
		{name: "delivered to the browser", delivered: true, hasCookie: true, wait: 59 * time.Second, want: redirectTo("/")},
		{name: "delivered to the browser, too late", delivered: true, hasCookie: true, wait: time.Minute, want: redirectTo("/signin?error=expired&lang=en")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withFakeClock(t, func(t *testing.T, env *signInEnv) {
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				code, first := env.Fake.Code(ada), b.copyBrowser()
				if test.hasCookie {
					first = b
				}
				if test.delivered {
					first.submit("/confirm", "code", code)
				} else {
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					b.submitCode(ctx, code)
					synctest.Wait()
				}
				time.Sleep(test.wait)
				if diff := cmp.Diff(test.want, b.submit("/confirm", "code", code)); diff != "" {
					t.Errorf("response (-want +got):\n%s", diff)
				}
				if got := env.Fake.Calls().Refresh; got > 1 {
					t.Errorf("the used one-time secret was sent again: %d calls", got)
				}
				if got := b.submit("/confirm", "code", env.wrongCode(ada)).Location; got == "/" {
					t.Error("a wrong code signs in")
				}
			})
		})
	}
}

// TestConfirmationErrorsAreNotRemembered lets the confirmation or the exchange fail,
// and submits the same code again.
func TestConfirmationErrorsAreNotRemembered(t *testing.T) {
	tests := []struct {
		name  string
		at    crossminttest.Endpoint
		fault crossminttest.Fault
		want  string
	}{
		{name: "confirmation refused", at: crossminttest.ConfirmOTP, fault: crossminttest.Status(401, "", `{}`), want: "/code?error=code"},
		{name: "confirmation unavailable", at: crossminttest.ConfirmOTP, fault: crossminttest.Status(500, "", `{}`), want: "/code?error=unavailable"},
		{name: "exchange unavailable", at: crossminttest.Refresh, fault: crossminttest.Status(403, "", `{}`), want: "/code?error=unavailable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withFakeClock(t, func(t *testing.T, env *signInEnv) {
				b := env.newInProcessBrowser(t)
				b.submit("/send", "email", ada)
				env.Fake.FailAlways(test.at, test.fault)
				if diff := cmp.Diff(redirectTo(test.want), b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
					t.Errorf("response (-want +got):\n%s", diff)
				}
				env.Fake.Heal()
				if diff := cmp.Diff(signedIn, b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
					t.Errorf("the same code again (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestSubmitsOfOneCodeAreBounded submits one code 20 times while upstream hangs.
func TestSubmitsOfOneCodeAreBounded(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		env.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Hang())
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[formResponse]int{}
		started := time.Now()
		for range 20 {
			tab := b.copyBrowser()
			wg.Go(func() {
				response := tab.submit("/confirm", "code", "123456")
				mu.Lock()
				defer mu.Unlock()
				got[response]++
			})
		}
		wg.Wait()
		want := map[formResponse]int{redirectTo("/code?error=unavailable"): 16, redirectTo("/code?error=limit"): 4}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("responses (-want +got):\n%s", diff)
		}
		if took, calls := time.Since(started), env.Fake.Calls().ConfirmOTP; took != 8*time.Second || calls != 1 {
			t.Errorf("%d calls, %v", calls, took)
		}
	})
}

// TestAbandonedGuessIsReported disconnects before upstream has compared a wrong code.
func TestAbandonedGuessIsReported(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		env.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Delay(time.Second))
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			b.submitCode(ctx, env.wrongCode(ada))
			time.Sleep(time.Minute)
		}
		want := []event.Outcome{event.CodeSent}
		for range 5 {
			want = append(want, event.Abandoned, event.SignInFailed)
		}
		if diff := cmp.Diff(want, env.Outcomes()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// panickingCodes panics in ConfirmEmailOTP.
type panickingCodes struct{ handlers.EmailCodes }

func (panickingCodes) ConfirmEmailOTP(context.Context, string, string, string) (session.Secret, error) {
	panic("fault in EmailCodes")
}

func TestPanicInConfirmation(t *testing.T) {
	env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	signIn := handlers.NewSignIn(panickingCodes{env.Client}, env.Manager, env.cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/code"},
	})
	env.mux.HandleFunc("/panic/send", signIn.SendCode)
	env.mux.HandleFunc("/panic/confirm", signIn.ConfirmCode)
	b := env.newInProcessBrowser(t)
	b.submit("/panic/send", "email", ada)
	if diff := cmp.Diff(redirectTo("/code?error=unavailable"), b.submit("/panic/confirm", "code", "123456")); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]event.Outcome{event.CodeSent, event.Panicked, event.SignInFailed}, env.Outcomes()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
