package middleware_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Answers of an upstream that says no.
const (
	jsonNo = `{"error":"Unauthorized","message":"Invalid refresh token"}`
	htmlNo = "<html><title>Not here</title></html>"
)

func TestUpstreamStatuses(t *testing.T) {
	cleared := outcome{"401 cleared", notValid, 1}
	kept := outcome{"503 kept retry 1", tryLater, 1}
	tests := map[int]outcome{ // with a JSON object
		400: cleared, 401: cleared, 404: cleared, 410: cleared, 422: cleared,
		402: kept, 403: kept, 405: kept, 408: kept, 409: kept, 418: kept, 425: kept, 429: kept, 451: kept,
		300: kept, 301: kept, 302: kept, 304: kept, 307: kept, 308: kept,
		500: kept, 501: kept, 502: kept, 503: kept, 504: kept, 520: kept,
	}
	k := newKit(t, crossminttest.Config{}, session.Config{})
	for status, want := range tests {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			k.fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "application/json", jsonNo))
			jwt, refresh := k.expired()
			if diff := cmp.Diff(want, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("with a JSON object (-want +got):\n%s", diff)
			}
		})
		for name, body := range map[string]string{"HTML": htmlNo, "array": "[]", "nothing": "", "two objects": "{}{}", "text": `"no"`} {
			t.Run(fmt.Sprint(status, name), func(t *testing.T) {
				k.fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "application/json", body))
				jwt, refresh := k.expired()
				if diff := cmp.Diff(kept, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestUpstreamRetryAfter(t *testing.T) {
	for wish, want := range map[string]string{
		"7": "7", "-1": "1", "0": "1", "1000000000000000000000000000000": "60", "soon": "1", "Thu, 01 Jan 1970 00:00:00 GMT": "1",
	} {
		t.Run(wish, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{}, session.Config{})
			k.fake.Fail(crossminttest.Refresh, crossminttest.Status(429, "", jsonNo).With("Retry-After", wish))
			jwt, refresh := k.expired()
			if diff := cmp.Diff(outcome{"503 kept retry " + want, tryLater, 1}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// edit is a fault that falsifies one member of the right answer.
func edit(member string, value any) crossminttest.Fault {
	return crossminttest.Edit(func(answer map[string]any) {
		if value == nil {
			delete(answer, member)
			return
		}
		answer[member] = value
	})
}

func TestUpstreamAnswers(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	ann := k.fake.NewUser("ann@example.com")
	body := func(body string) crossminttest.Fault { return crossminttest.Status(200, "application/json", body) }
	tests := map[string]crossminttest.Fault{
		"HTML":                          crossminttest.Status(200, "text/html", htmlNo),
		"nothing":                       body(""),
		"204":                           crossminttest.Status(204, "", ""),
		"an array":                      body("[]"),
		"invalid UTF-8":                 crossminttest.InvalidUTF8(),
		"2 MiB":                         crossminttest.HugeBody(2 << 20),
		"no JWT":                        edit("jwt", nil),
		"an empty JWT":                  edit("jwt", ""),
		"JWT of a wrong type":           edit("jwt", 7),
		"no refresh token":              edit("refresh", nil),
		"refresh token of a wrong type": edit("refresh", "NEW"),
		"an empty secret":               edit("refresh", map[string]any{"secret": "", "expiresAt": "2030-01-01T00:00:00Z"}),
		"no user":                       edit("user", nil),
		"user without an ID":            edit("user", map[string]any{"email": "ann@example.com"}),
		"another user":                  edit("user", map[string]any{"id": "somebody-else"}),
		"a forged JWT":                  edit("jwt", k.fake.ForgedJWT(ann)),
		"another project's JWT":         edit("jwt", k.fake.ForeignJWT(ann)),
		"an expired JWT":                edit("jwt", k.fake.ExpiredJWT(ann)),
		"a JWT that is none":            edit("jwt", "a.b.c"),
		"a secret with a line feed":     edit("refresh", map[string]any{"secret": "a\nb", "expiresAt": ""}),
		"a secret with a semicolon":     edit("refresh", map[string]any{"secret": "a; Path=/", "expiresAt": ""}),
		"a secret that is not ASCII":    edit("refresh", map[string]any{"secret": "é", "expiresAt": ""}),
		"a redirect":                    crossminttest.Redirect("/elsewhere"),
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			k.fake.Fail(crossminttest.Refresh, fault)
			g := k.fake.ExpiredGrant(ann)
			got := k.outcome(t, middleware.Config{}, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
			if diff := cmp.Diff(outcome{"503 kept retry 1", tryLater, 1}, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUpstreamOutOfReach(t *testing.T) {
	tests := []struct {
		name  string
		fault crossminttest.Fault
		calls int
	}{
		{"reset before the answer, again and again", crossminttest.Reset(), 2},
		{"half an answer, again and again", crossminttest.Truncate(), 2},
		{"no answer", crossminttest.Hang(), 1},
		{"an answer too late", crossminttest.Delay(15 * time.Second), 1},
		{"an answer byte by byte", crossminttest.SlowBody(time.Second), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, crossminttest.Config{InMemory: true}, session.Config{})
				must(t, k.client.Preload(t.Context()))
				k.fake.FailAlways(crossminttest.Refresh, test.fault)
				jwt, refresh := k.expired()
				got := k.outcome(t, middleware.Config{}, jwt, refresh)
				if diff := cmp.Diff(outcome{"503 kept retry 1", tryLater, test.calls}, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestUpstreamDown(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	must(t, k.client.Preload(t.Context()))
	jwt, refresh := k.expired()
	k.fake.Down()
	if diff := cmp.Diff(outcome{"503 kept retry 1", tryLater, 0}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("down (-want +got):\n%s", diff)
	}
	must(t, k.fake.Up())
	if diff := cmp.Diff(outcome{"200 renewed", "", 1}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("up again (-want +got):\n%s", diff)
	}
}

func TestLostAnswerIsFetchedAgain(t *testing.T) {
	k := newKit(t, crossminttest.Config{}, session.Config{})
	k.fake.Fail(crossminttest.Refresh, crossminttest.LoseAnswer())
	jwt, refresh := k.expired()
	if diff := cmp.Diff(outcome{"200 renewed", "", 2}, k.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}
