package handlers_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
	"github.com/google/go-cmp/cmp"
)

// TestSignInEvents submits forms and expects one event for each.
func TestSignInEvents(t *testing.T) {
	type got struct {
		Op, Outcome string
		Level       slog.Level
		Status      int
	}
	submit := func(path string, fields ...string) func(b *browser) {
		return func(b *browser) { b.submit(path, fields...) }
	}
	tests := []struct {
		name string
		do   func(b *browser)
		want got
	}{
		{name: "code sent", do: submit("/send", "email", ada), want: got{"send_code", "code_sent", slog.LevelInfo, 0}},
		{name: "invalid address", do: submit("/send", "email", "ada"), want: got{"send_code", "code_not_sent", slog.LevelInfo, 0}},
		{name: "rejected address", want: got{"send_code", "code_not_sent", slog.LevelWarn, 400}, do: func(b *browser) {
			b.env.Fake.FailAlways(crossminttest.SendOTP, crossminttest.Status(400, "", `{}`))
			b.submit("/send", "email", ada)
		}},
		{name: "no pending sign-in", do: submit("/confirm", "code", "123456"), want: got{"sign_in", "sign_in_failed", slog.LevelInfo, 0}},
		{name: "another origin", want: got{"sign_in", "sign_in_failed", slog.LevelInfo, 0}, do: func(b *browser) {
			r := post("/send", "email=a", "", "")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			b.env.serve(b.T, r)
		}},
		{name: "wrong code", want: got{"sign_in", "sign_in_failed", slog.LevelInfo, 401}, do: func(b *browser) {
			b.submit("/send", "email", ada)
			b.submit("/confirm", "code", b.env.wrongCode(ada))
		}},
		{name: "a router's 404", want: got{"sign_in", "sign_in_failed", slog.LevelWarn, 404}, do: func(b *browser) {
			b.submit("/send", "email", ada)
			b.env.Fake.FailAlways(crossminttest.ConfirmOTP, crossminttest.Status(404, "", `{}`))
			b.submit("/confirm", "code", "123456")
		}},
		{name: "limit", want: got{"send_code", "code_not_sent", slog.LevelWarn, 0}, do: func(b *browser) {
			for range 6 {
				b.submit("/send", "email", ada)
			}
		}},
		{name: "client gone", want: got{"sign_in", "abandoned", slog.LevelDebug, 0}, do: func(b *browser) {
			b.submit("/send", "email", ada)
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			b.submitCode(ctx, "")
		}},
		{name: "no session", want: got{"sign_in", "sign_in_failed", slog.LevelWarn, 502}, do: func(b *browser) {
			b.submit("/send", "email", ada)
			b.env.Fake.FailAlways(crossminttest.Refresh, testkit.BadGateway())
			b.submit("/confirm", "code", b.env.Fake.Code(ada))
		}},
		{name: "signed in", do: func(b *browser) { b.signIn(ada) }, want: got{"sign_in", "signed_in", slog.LevelInfo, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			withFakeClock(t, func(t *testing.T, env *signInEnv) {
				test.do(env.newInProcessBrowser(t))
				all := env.All()
				e := all[len(all)-1]
				if diff := cmp.Diff(test.want, got{e.Op, string(e.Outcome), e.Level(), e.UpstreamStatus}); diff != "" {
					t.Errorf("last event (-want +got):\n%s", diff)
				}
				for _, e := range all[:len(all)-1] {
					if e.Outcome != event.CodeSent {
						t.Errorf("another event %v", e.LogValue())
					}
				}
			})
		})
	}
}

// TestSignInLogsByDefault configures neither OnEvent nor OnError. Each failure is one
// line in the manager's log.
func TestSignInLogsByDefault(t *testing.T) {
	var out bytes.Buffer
	env := newSignInEnv(t, crossminttest.Config{InMemory: true}, handlers.SignInConfig{})
	manager, err := session.NewManager(session.Config{Upstream: env.Client, Logger: slog.New(slog.NewTextHandler(&out, nil))})
	testkit.NoError(t, err)
	signIn := handlers.NewSignIn(env.Client, manager, env.cookies, handlers.SignInConfig{EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/code"}})
	refresh := handlers.Refresh(manager, env.cookies, handlers.Config{})
	for path, handler := range map[string]http.HandlerFunc{"/log/send": signIn.SendCode, "/log/confirm": signIn.ConfirmCode, "/log/refresh": refresh} {
		env.mux.HandleFunc(path, handler)
	}
	b := env.newInProcessBrowser(t)
	b.submit("/log/send", "email", "ada")
	b.submit("/log/send", "email", ada)
	b.submit("/log/confirm", "code", env.wrongCode(ada))
	b.submit("/log/confirm", "code", env.Fake.Code(ada))
	b.submit("/log/refresh", "refresh", "x") // a form is no JSON
	var got []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(line, "outcome=")
		outcome, _, _ := strings.Cut(line, " ")
		got = append(got, outcome)
	}
	if diff := cmp.Diff([]string{"code_not_sent", "code_sent", "sign_in_failed", "signed_in", "rejected"}, got); diff != "" {
		t.Errorf("log lines (-want +got):\n%s\n%s", diff, out.String())
	}
	if log := out.String(); strings.Contains(log, "ada@") || strings.Contains(log, env.Fake.Code(ada)) {
		t.Errorf("the log has an address or a code: %s", log)
	}
}
