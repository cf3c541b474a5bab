package handlers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/crossmint-go/auth/handlers"
	"github.com/google/go-cmp/cmp"
)

// TestEarlierCodes asks for four codes and enters each of them in a browser of its own.
func TestEarlierCodes(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		var codes []string
		for range 4 {
			b.submit("/send", "email", ada)
			codes = append(codes, env.Fake.Code(ada))
			time.Sleep(time.Minute)
		}
		for i, want := range []formResponse{redirectTo("/code?error=code"), signedIn, signedIn, signedIn} {
			before := env.Fake.Calls().ConfirmOTP
			if diff := cmp.Diff(want, b.copyBrowser().submit("/confirm", "code", codes[i])); diff != "" {
				t.Errorf("code %d of 4 (-want +got):\n%s", i+1, diff)
			}
			if calls, most := env.Fake.Calls().ConfirmOTP-before, max(1, min(3, 4-i)); calls != most {
				t.Errorf("code %d of 4: %d calls, want %d", i+1, calls, most)
			}
		}
	})
}

// TestEarlierCodeInAnotherCase asks for two codes, and writes the address in another
// case. Each of the codes signs in.
func TestEarlierCodeInAnotherCase(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		var codes []string
		for _, email := range []string{"Ada@Example.com", "ada@example.com"} {
			b.submit("/send", "email", email)
			codes = append(codes, env.Fake.Code(email))
		}
		for i, code := range codes {
			if diff := cmp.Diff(signedIn, b.copyBrowser().submit("/confirm", "code", code)); diff != "" {
				t.Errorf("code %d of 2 (-want +got):\n%s", i+1, diff)
			}
		}
	})
}

// TestEarlierCodeExpires enters the first code when it is older than ten minutes and
// the second one is not.
func TestEarlierCodeExpires(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", ada)
		first := env.Fake.Code(ada)
		time.Sleep(9 * time.Minute)
		b.submit("/send", "email", ada)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(redirectTo("/code?error=code"), b.submit("/confirm", "code", first)); diff != "" {
			t.Errorf("the first code (-want +got):\n%s", diff)
		}
		if calls := env.Fake.Calls().ConfirmOTP; calls != 1 {
			t.Errorf("%d calls: the expired e-mail was tried", calls)
		}
		if diff := cmp.Diff(signedIn, b.submit("/confirm", "code", env.Fake.Code(ada))); diff != "" {
			t.Errorf("the second code (-want +got):\n%s", diff)
		}
	})
}

// TestEarlierCodeOfAnotherAddress corrects a typing error in the address.
func TestEarlierCodeOfAnotherAddress(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		b.submit("/send", "email", bob)
		b.submit("/send", "email", ada)
		if diff := cmp.Diff(redirectTo("/code?error=code"), b.submit("/confirm", "code", env.Fake.Code(bob))); diff != "" {
			t.Errorf("the code of the other address (-want +got):\n%s", diff)
		}
		if calls := env.Fake.Calls().ConfirmOTP; calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
}

// TestEarlierCodesAreLimited guesses while three e-mails wait. Each has five guesses.
func TestEarlierCodesAreLimited(t *testing.T) {
	withFakeClock(t, func(t *testing.T, env *signInEnv) {
		b := env.newInProcessBrowser(t)
		for range 3 {
			b.submit("/send", "email", ada)
		}
		right := env.Fake.Code(ada)
		for i := range 5 {
			wrong := fmt.Sprintf("%05d%d", i, (right[5]-'0'+1)%10)
			if diff := cmp.Diff(redirectTo("/code?error=code"), b.submit("/confirm", "code", wrong)); diff != "" {
				t.Errorf("guess %d (-want +got):\n%s", i+1, diff)
			}
		}
		if diff := cmp.Diff(redirectTo("/signin?error=limit&lang=en", "-signin"), b.submit("/confirm", "code", right)); diff != "" {
			t.Errorf("after five guesses (-want +got):\n%s", diff)
		}
		if calls, limited := env.Fake.Calls().ConfirmOTP, env.countErrors(handlers.ErrLimited); calls != 15 || limited != 1 {
			t.Errorf("%d calls and %d limits, want 15 and 1", calls, limited)
		}
	})
}
