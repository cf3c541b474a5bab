package handlers_test

import (
	"fmt"
	"net/http"
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
	codeSent    = to("/code", "signin")
	sendLimited = to("/signin?error=limit&lang=en")
)

// inBubble is a sign-in where time passes at once.
func inBubble(t *testing.T, f func(t *testing.T, k *signInKit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, newSignInKit(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{}))
	})
}

func TestSendsPerAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		spellings := []string{ada, "ADA@example.com", "Ada@Example.COM", "ada+1@example.com", "ada+a+b@example.com"}
		for _, email := range spellings {
			time.Sleep(time.Minute)
			if diff := cmp.Diff(codeSent, k.visitInside(t).send("/send", "email", email)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", email, diff)
			}
		}
		v := k.visitInside(t)
		for _, email := range spellings {
			if diff := cmp.Diff(sendLimited, v.send("/send", "email", email)); diff != "" {
				t.Errorf("%s, after five (-want +got):\n%s", email, diff)
			}
		}
		for _, email := range []string{bob, "ada@example.org", "xada@example.com"} {
			if diff := cmp.Diff(codeSent, v.send("/send", "email", email)); diff != "" {
				t.Errorf("%s, another inbox (-want +got):\n%s", email, diff)
			}
		}
		time.Sleep(6*time.Minute - time.Nanosecond)
		if diff := cmp.Diff(sendLimited, v.send("/send", "email", ada)); diff != "" {
			t.Errorf("just before ten minutes (-want +got):\n%s", diff)
		}
		time.Sleep(time.Nanosecond)
		if diff := cmp.Diff(codeSent, v.send("/send", "email", ada)); diff != "" {
			t.Errorf("after ten minutes (-want +got):\n%s", diff)
		}
		if calls, limited := k.fake.Calls().SendOTP, k.caused(handlers.ErrLimited); calls != 9 || limited != 6 {
			t.Errorf("%d sends and %d limits, want 9 and 6", calls, limited)
		}
	})
}

// TestSendsCountWhateverBecomesOfThem: an address that upstream refuses is
// limited like any other, and so is one while upstream is away.
func TestSendsCountWhateverBecomesOfThem(t *testing.T) {
	for _, status := range []int{400, 500} {
		inBubble(t, func(t *testing.T, k *signInKit) {
			k.fake.FailAlways(crossminttest.SendOTP, crossminttest.Status(status, "", `{}`))
			v := k.visitInside(t)
			for range 5 {
				v.send("/send", "email", ada)
			}
			if diff := cmp.Diff(sendLimited, v.send("/send", "email", ada)); diff != "" || k.fake.Calls().SendOTP != 5 {
				t.Errorf("%d: after five, %d of which reached upstream (-want +got):\n%s", status, k.fake.Calls().SendOTP, diff)
			}
		})
	}
}

// TestWrongCodes: five per e-mail, tried one after the other or all at once;
// then not even the right one counts. It ends the sign-in, not the session.
func TestWrongCodes(t *testing.T) {
	for _, parallel := range []bool{false, true} {
		inBubble(t, func(t *testing.T, k *signInKit) {
			v := k.visitInside(t)
			v.send("/send", "email", ada)
			pending := v.http.Jar.Cookies(v.site)
			var wg sync.WaitGroup
			for range 20 {
				tab := k.visitor(t, v.site, v.http.Transport)
				tab.http.Jar.SetCookies(v.site, pending)
				try := func() { tab.send("/confirm", "code", k.wrong(ada)) }
				if parallel {
					wg.Go(try)
				} else {
					try()
				}
			}
			wg.Wait()
			if got := k.fake.Calls().ConfirmOTP; got != 5 {
				t.Errorf("parallel %v: %d codes reached upstream, want 5", parallel, got)
			}
			time.Sleep(9 * time.Minute)
			if diff := cmp.Diff(to("/signin?error=limit&lang=en", "-signin"), v.send("/confirm", "code", k.fake.Code(ada))); diff != "" {
				t.Errorf("the right code after five wrong ones (-want +got):\n%s", diff)
			}
			if k.fake.Calls().ConfirmOTP != 5 || k.caused(handlers.ErrLimited) != 16 {
				t.Errorf("%d codes reached upstream, %d were limited", k.fake.Calls().ConfirmOTP, k.caused(handlers.ErrLimited))
			}
			v.comeIn(ada) // with another code
		})
	}
}

func TestPendingSignInEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		v := k.visitInside(t)
		v.send("/send", "email", ada)
		kept := v.http.Jar.Cookies(v.site) // by a browser that forgets nothing
		time.Sleep(10 * time.Minute)
		v.http.Jar.SetCookies(v.site, kept)
		if diff := cmp.Diff(to("/signin?error=expired&lang=en"), v.send("/confirm", "code", k.fake.Code(ada))); diff != "" {
			t.Errorf("after ten minutes (-want +got):\n%s", diff)
		}
	})
}

func TestSendsOfAll(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		v := k.visitInside(t)
		got := map[landing]int{}
		for i := range 130 {
			got[v.send("/send", "email", fmt.Sprintf("user%d@example.com", i))]++
		}
		if diff := cmp.Diff(map[landing]int{codeSent: 100, sendLimited: 30}, got); diff != "" {
			t.Errorf("130 sends (-want +got):\n%s", diff)
		}
		time.Sleep(10 * time.Second)
		for range 5 { // none of the refused ones counts against its address
			if diff := cmp.Diff(codeSent, v.send("/send", "email", "user129@example.com")); diff != "" {
				t.Errorf("ten seconds later (-want +got):\n%s", diff)
			}
		}
	})
}

// TestCallsInFlight lets upstream hang: 64 calls wait for it, and nobody else.
func TestCallsInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		v := k.visitInside(t)
		v.send("/send", "email", bob)
		k.fake.FailAlways(crossminttest.SendOTP, crossminttest.Hang())
		var wg sync.WaitGroup
		started := time.Now()
		for i := range 64 {
			wg.Go(func() {
				waiting := k.visitInside(t).send("/send", "email", fmt.Sprintf("user%d@example.com", i))
				if diff := cmp.Diff(to("/signin?error=unavailable&lang=en"), waiting); diff != "" {
					t.Errorf("waiting (-want +got):\n%s", diff)
				}
			})
		}
		synctest.Wait()
		for range 7 { // which do not count
			if diff := cmp.Diff(sendLimited, v.send("/send", "email", ada)); diff != "" {
				t.Errorf("a send more (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(to("/code?error=limit"), v.send("/confirm", "code", k.fake.Code(bob))); diff != "" {
				t.Errorf("a code (-want +got):\n%s", diff)
			}
		}
		wg.Wait()
		if took := time.Since(started); took != 8*time.Second {
			t.Errorf("waited for %v, want 8 s", took)
		}
		k.fake.Heal()
		if diff := cmp.Diff(to("/", "-signin", "refresh-token", "session"), v.send("/confirm", "code", k.fake.Code(bob))); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
		for range 5 {
			if diff := cmp.Diff(codeSent, v.send("/send", "email", ada)); diff != "" {
				t.Errorf("a send, afterwards (-want +got):\n%s", diff)
			}
		}
	})
}

// TestForwardedHeadersOpenNoOtherQuota: limits go by what is asked for.
func TestForwardedHeadersOpenNoOtherQuota(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		for i := range 10 {
			r := post("/send", "email=ada%40example.com", "", "")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP"} {
				r.Header.Set(name, fmt.Sprintf("198.51.100.%d", i))
			}
			res, _ := k.serve(t, r)
			if limited := strings.Contains(res.Header.Get("Location"), "limit"); res.StatusCode != http.StatusSeeOther || limited != (i >= 5) {
				t.Errorf("send %d: %d %s", i, res.StatusCode, res.Header.Get("Location"))
			}
		}
	})
}

// TestQuotaIsBounded takes for more names than are remembered. Those that come
// too late get nothing, until the time of the others is over.
func TestQuotaIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		take, giveBack := handlers.NewQuota(1, time.Minute)
		taken := 0
		for i := range handlers.MaxCounted + 100 {
			if take(fmt.Sprint(i)) {
				taken++
			}
		}
		if taken != handlers.MaxCounted || take("another") || take("1") {
			t.Errorf("%d names have taken, want %d and no more", taken, handlers.MaxCounted)
		}
		giveBack("1")
		giveBack("another") // who has taken nothing
		if !take("1") || take("1") || take("another") {
			t.Error("what was given back is not there, or there twice")
		}
		time.Sleep(time.Minute)
		if !take("another") || !take("1") || take("another") {
			t.Error("after a minute there is no room")
		}
	})
}

// What the limit of all has refused does not fill the memory of addresses: who
// makes up many keeps nobody from signing in once he ceases.
func TestRefusedSendsAreForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, k *signInKit) {
		v := k.visitInside(t)
		for i := range handlers.MaxCounted {
			v.send("/send", "email", fmt.Sprintf("user%d@example.com", i))
		}
		time.Sleep(11 * time.Second) // until one more may be sent
		if diff := cmp.Diff(codeSent, v.send("/send", "email", ada)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})
}
