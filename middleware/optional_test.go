package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// fates are the four that a request can meet, with what the browser brings.
var fates = []struct {
	name     string
	bring    func(k *kit) (jwt, refresh string)
	required string // the verdict of RequireSession
	optional string // and of OptionalSession
	seen     string // by the handler behind OptionalSession
}{
	{"renewed", (*kit).expired, "200 renewed", "200 renewed", "session"},
	{"valid", (*kit).valid, "200 kept", "200 kept", "session"},
	{"refused", func(k *kit) (string, string) {
		jwt, refresh := k.expired()
		k.fake.Revoke(refresh)
		return jwt, refresh
	}, "401 cleared", "200 cleared", "not authenticated"},
	{"anonymous", func(*kit) (string, string) { return "", "" }, "401 kept", "200 kept", "not authenticated"},
	{"undecided", func(k *kit) (string, string) {
		k.fake.FailAlways(crossminttest.Refresh, crossminttest.Status(502, "text/html", htmlNo))
		return k.expired()
	}, "503 kept retry 1", "200 kept", "unavailable"},
}

// seen says what a handler finds in its context.
func seen(r *http.Request) string {
	s, ok := session.FromContext(r.Context())
	err := session.ErrorFromContext(r.Context())
	var rejected *session.AuthenticationError
	switch {
	case ok && s.UserID != "" && err == nil:
		return "session"
	case !ok && errors.As(err, &rejected):
		return "not authenticated"
	case !ok && errors.Is(err, session.ErrUnavailable):
		return "unavailable"
	case !ok && err == nil:
		return "nothing"
	default:
		return "nonsense"
	}
}

func TestOptionalSession(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			var saw []string
			page := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { saw = append(saw, seen(r)) })
			jwt, refresh := fate.bring(k)
			res, _ := serve(middleware.OptionalSession(k.sessions, k.cookies, middleware.Config{})(page), get("/", jwt, refresh))
			if diff := cmp.Diff([]string{fate.optional, fate.seen}, append([]string{verdict(t, res)}, saw...)); diff != "" {
				t.Errorf("answer, and what the page saw (-want +got):\n%s", diff)
			}
			if got := res.Header.Get("Vary"); got != "Cookie" {
				t.Errorf("Vary: %q", got)
			}
		})
	}
}

func TestSessionCall(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			call := middleware.Session(k.sessions, k.cookies, middleware.Config{})
			jwt, refresh := fate.bring(k)
			r, w := get("/", jwt, refresh), httptest.NewRecorder()
			s, err := call(w, r)
			got := "nothing"
			var rejected *session.AuthenticationError
			switch {
			case s != nil && err == nil && s.UserID != "":
				got = "session"
			case s == nil && errors.As(err, &rejected):
				got = "not authenticated"
			case s == nil && errors.Is(err, session.ErrUnavailable):
				got = "unavailable"
			}
			// The call answers nothing: the recorder's status is its default.
			if diff := cmp.Diff([]string{fate.optional, fate.seen}, []string{verdict(t, w.Result()), got}); diff != "" {
				t.Errorf("cookies, and what the call returned (-want +got):\n%s", diff)
			}
			if w.Body.Len() > 0 {
				t.Errorf("body: %q", w.Body)
			}
		})
	}
}

func TestErrorHandler(t *testing.T) {
	for _, fate := range fates {
		t.Run(fate.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			var got error
			config := middleware.Config{ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				got = err
				if _, ok := session.FromContext(r.Context()); ok {
					t.Error("there is a session")
				}
				// What a handler must not have to think of is set already.
				w.WriteHeader(map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusUnauthorized}[errors.Is(err, session.ErrUnavailable)])
			}}
			jwt, refresh := fate.bring(k)
			res, body := serve(k.require(config)(whoami), get("/me", jwt, refresh))
			if diff := cmp.Diff(fate.required, verdict(t, res)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if (got == nil) != (fate.seen == "session") || got != nil && body != "" {
				t.Errorf("error %v, body %q", got, body)
			}
		})
	}
}
