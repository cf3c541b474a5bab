package crossminttest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
)

// TestFaults uses real sockets.
func TestFaults(t *testing.T) {
	replaced := crossminttest.Replace(func(response []byte) []byte {
		return bytes.Replace(response, []byte(`"user"`), []byte(`"other"`), 1)
	})
	edited := crossminttest.Edit(func(response map[string]any) { response["jwt"] = 7 })
	tests := map[string]struct {
		fault   crossminttest.Fault
		rotated bool
		check   func(t *testing.T, got response, err error)
	}{
		"none":          {fault: crossminttest.Fault{}, rotated: true, check: wantStatus(200)},
		"status":        {fault: crossminttest.Status(503, "text/html", "<p>down"), rotated: false, check: wantBody(503, "<p>down")},
		"no content":    {fault: crossminttest.Status(204, "", ""), rotated: false, check: wantBody(204, "")},
		"header":        {fault: crossminttest.Status(429, "", "{}").With("Retry-After", "7"), rotated: false, check: wantHeader("Retry-After", "7")},
		"redirect":      {fault: crossminttest.Redirect("https://example.com/"), rotated: false, check: wantHeader("Location", "https://example.com/")},
		"gateway":       {fault: crossminttest.Status(502, "text/html", "<p>bad").AfterEffect(), rotated: true, check: wantBody(502, "<p>bad")},
		"reset":         {fault: crossminttest.Reset(), rotated: false, check: wantError(syscall.ECONNRESET)},
		"lost response": {fault: crossminttest.LoseResponse(), rotated: true, check: wantError(syscall.ECONNRESET)},
		"truncated":     {fault: crossminttest.Truncate(), rotated: true, check: wantError(io.ErrUnexpectedEOF)},
		"slow body":     {fault: crossminttest.SlowBody(time.Microsecond), rotated: true, check: wantStatus(200)},
		"late response": {fault: crossminttest.Delay(time.Millisecond), rotated: true, check: wantStatus(200)},
		"huge body":     {fault: crossminttest.HugeBody(3 << 20), rotated: false, check: wantAtLeast(3 << 20)},
		"invalid UTF-8": {fault: crossminttest.InvalidUTF8(), rotated: true, check: wantInvalidUTF8},
		"replaced":      {fault: replaced, rotated: true, check: wantPart(`"other"`)},
		"edited":        {fault: edited, rotated: true, check: wantPart(`"jwt":7`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fake := start(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse})
			secret := fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal()
			fake.Fail(crossminttest.Refresh, test.fault)

			got, err := call(t, fake, "POST", authPath+"/refresh", tokenBody(secret))

			test.check(t, got, err)
			if rotated := !fake.Live(secret); rotated != test.rotated {
				t.Errorf("rotated: %v, want %v", rotated, test.rotated)
			}
			if n := fake.Calls().Refresh; n != 1 {
				t.Errorf("calls = %d, want 1", n)
			}
		})
	}
}

type check = func(*testing.T, response, error)

func wantStatus(status int) check {
	return func(t *testing.T, got response, err error) {
		t.Helper()
		if err != nil || got.status != status {
			t.Errorf("status %d, error %v, want %d", got.status, err, status)
		}
	}
}

func wantBody(status int, body string) check {
	return func(t *testing.T, got response, err error) {
		t.Helper()
		if err != nil || got.status != status || string(got.body) != body {
			t.Errorf("%d %q, error %v, want %d %q", got.status, got.body, err, status, body)
		}
	}
}

func wantHeader(name, value string) check {
	return func(t *testing.T, got response, err error) {
		t.Helper()
		if err != nil || got.header.Get(name) != value {
			t.Errorf("%s: %q, error %v, want %q", name, got.header.Get(name), err, value)
		}
	}
}

func wantError(target error) check {
	return func(t *testing.T, _ response, err error) {
		t.Helper()
		if !errors.Is(err, target) {
			t.Errorf("error %v, want %v", err, target)
		}
	}
}

func wantAtLeast(size int) check {
	return func(t *testing.T, got response, err error) {
		t.Helper()
		if err != nil || len(got.body) < size {
			t.Errorf("%d bytes, error %v, want at least %d", len(got.body), err, size)
		}
	}
}

func wantPart(part string) check {
	return func(t *testing.T, got response, err error) {
		t.Helper()
		if err != nil || got.status != http.StatusOK || !strings.Contains(string(got.body), part) {
			t.Errorf("%d %q, error %v, want 200 with %q", got.status, got.body, err, part)
		}
	}
}

func wantInvalidUTF8(t *testing.T, got response, err error) {
	t.Helper()
	if err != nil || utf8.Valid(got.body) {
		t.Errorf("%q, error %v, want invalid UTF-8", got.body, err)
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		fake.Fail(crossminttest.JWKS, crossminttest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, "GET", fake.URL()+"/.well-known/jwks.json", nil)
		res, err := fake.Transport().RoundTrip(r)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("response %v, error %v, want DeadlineExceeded", res, err)
		}
		mustCall(t, fake, "GET", "/.well-known/jwks.json", "")
	})
}

func TestHangEndsWithTheFake(t *testing.T) {
	for name, config := range map[string]crossminttest.Config{"socket": {}, "memory": {InMemory: true}} {
		t.Run(name, func(t *testing.T) {
			fake := start(t, config)
			arrived := make(chan struct{})
			fake.FailWith(crossminttest.JWKS, func() crossminttest.Fault {
				close(arrived)
				return crossminttest.Hang()
			})
			failed := make(chan error)
			go func() {
				_, err := call(t, fake, "GET", "/.well-known/jwks.json", "")
				failed <- err
			}()
			<-arrived
			fake.Close()
			if err := <-failed; err == nil {
				t.Error("the call got a response")
			}
		})
	}
}

func TestFaultsAreAppliedInOrder(t *testing.T) {
	fake := start(t, crossminttest.Config{InMemory: true})
	status := func(code int) crossminttest.Fault { return crossminttest.Status(code, "", "{}") }
	fake.FailAlways(crossminttest.Any, status(500))
	fake.FailAlways(crossminttest.JWKS, status(501))
	fake.Fail(crossminttest.Any, status(502))
	fake.Fail(crossminttest.JWKS, status(503), crossminttest.Fault{}, status(504))

	want := []int{503, 200, 504, 502, 501, 501}
	for i, want := range want {
		if got := mustCall(t, fake, "GET", "/.well-known/jwks.json", ""); got.status != want {
			t.Errorf("call %d: status %d, want %d", i, got.status, want)
		}
	}
	if got := mustCall(t, fake, "POST", authPath+"/logout", tokenBody("x")); got.status != 500 {
		t.Errorf("another endpoint: status %d, want 500", got.status)
	}
	fake.Heal()
	if got := mustCall(t, fake, "GET", "/.well-known/jwks.json", ""); got.status != 200 {
		t.Errorf("after Heal: status %d, want 200", got.status)
	}
}

func TestLatency(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		fake.SetLatency(crossminttest.Any, 50*time.Millisecond)
		fake.SetLatency(crossminttest.Refresh, 3*time.Second)
		began := time.Now()
		mustRefresh(t, fake, fake.Grant(fake.NewUser("")).RefreshToken.Secret.Reveal())
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("refresh took %v, want 3s", took)
		}
		began = time.Now()
		mustCall(t, fake, "GET", "/.well-known/jwks.json", "")
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("keys took %v, want 50ms", took)
		}
	})
}

func TestSlowBodySendsByteByByte(t *testing.T) {
	inBubble(t, crossminttest.Config{}, func(t *testing.T, fake *crossminttest.Server) {
		fake.Fail(crossminttest.JWKS, crossminttest.SlowBody(time.Second))
		began := time.Now()
		got := mustCall(t, fake, "GET", "/.well-known/jwks.json", "")
		if took, want := time.Since(began), time.Duration(len(got.body))*time.Second; took != want {
			t.Errorf("took %v for %d bytes, want %v", took, len(got.body), want)
		}
	})
}

// A reset works behind the TLS server of a test, too.
func TestResetBehindTLS(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	front := httptest.NewTLSServer(fake)
	defer front.Close()
	fake.Fail(crossminttest.JWKS, crossminttest.Reset())
	res, err := front.Client().Get(front.URL + "/.well-known/jwks.json")
	if err == nil {
		res.Body.Close()
		t.Fatal("the call got a response")
	}
	res, err = front.Client().Get(front.URL + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestResetOfARecorderAborts(t *testing.T) {
	fake := start(t, crossminttest.Config{})
	fake.Fail(crossminttest.JWKS, crossminttest.Reset())
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the value itself
			t.Errorf("panicked with %v, want ErrAbortHandler", v)
		}
	}()
	fake.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/.well-known/jwks.json", nil))
}
