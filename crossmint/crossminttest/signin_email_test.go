package crossminttest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// sendCode sends a code and returns the ID of the e-mail.
func sendCode(t *testing.T, fake *crossminttest.Server, email string) string {
	t.Helper()
	var sent struct{ EmailID string }
	decode(t, mustCall(t, fake, "POST", authPath+"/otps/send", `{"email":"`+email+`"}`).body, &sent)
	return sent.EmailID
}

// confirm returns the status and, for 200, the one-time secret.
func confirm(t *testing.T, fake *crossminttest.Server, email, emailID, code string) (int, string) {
	t.Helper()
	query := url.Values{
		"email": {email}, "signinAuthenticationMethod": {"email"}, "token": {code}, "locale": {"en"},
		"state": {emailID}, "callbackUrl": {fake.URL() + authPath + "/callback"},
	}
	got := mustCall(t, fake, "POST", authPath+"/authenticate?"+query.Encode(), "")
	return got.status, oneTimeSecret(t, got)
}

func TestEmailCode(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	if code := fake.Code("ada@example.com"); code != "" {
		t.Errorf("code before one was sent: %q", code)
	}
	emailID := sendCode(t, fake, "Ada@example.com")
	code := fake.Code("ada@example.com")
	if !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
		t.Fatalf("code = %q, want six digits", code)
	}

	status, secret := confirm(t, fake, "ada@example.com", emailID, code)
	if status != http.StatusOK {
		t.Fatalf("status %d, want 200", status)
	}
	got := mustRefresh(t, fake, secret)
	if want := fake.NewUser("ADA@example.com"); got.User.ID != want.ID || got.User.Email != want.Email {
		t.Errorf("user = %+v, want %+v", got.User, want)
	}
	if status, _ := confirm(t, fake, "ada@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("the same code again: status %d, want 401", status)
	}
}

func TestEmailCodeWrong(t *testing.T) {
	fake := start(t, crossminttest.Config{InMemory: true})
	emailID, otherID := sendCode(t, fake, "ada@example.com"), sendCode(t, fake, "bob@example.com")
	code := fake.Code("ada@example.com")
	if status, _ := confirm(t, fake, "bob@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("another address: status %d, want 401", status)
	}
	for range 5 {
		if status, _ := confirm(t, fake, "ada@example.com", emailID, "no"); status != http.StatusUnauthorized {
			t.Errorf("wrong code: status %d, want 401", status)
		}
	}
	if status, _ := confirm(t, fake, "ada@example.com", emailID, code); status != http.StatusUnauthorized {
		t.Errorf("right code after five wrong ones: status %d, want 401", status)
	}
	if status, _ := confirm(t, fake, "bob@example.com", otherID, fake.Code("bob@example.com")); status != http.StatusOK {
		t.Errorf("another user's code: status %d, want 200", status)
	}
}

func TestEmailCodeExpires(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		emailID := sendCode(t, fake, "ada@example.com")
		time.Sleep(10 * time.Minute)
		if status, _ := confirm(t, fake, "ada@example.com", emailID, fake.Code("ada@example.com")); status != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", status)
		}
	})
}
