package middleware_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// Bodies of rejections.
const (
	jsonRejection = `{"error":"Unauthorized","message":"Invalid refresh token"}`
	htmlError     = "<html><title>Not here</title></html>"
)

func TestUpstreamStatuses(t *testing.T) {
	refused := outcome{Response: "307 kept marked", Refreshes: 1}
	uncertain := outcome{Response: "401 kept", Message: notValid, Refreshes: 1}
	kept := outcome{Response: "503 kept retry 1", Message: tryLater, Refreshes: 1}
	tests := map[int]outcome{ // with a JSON object
		400: refused, 401: refused, 404: uncertain, 410: uncertain, 422: uncertain,
		402: kept, 403: kept, 405: kept, 408: kept, 409: kept, 418: kept, 425: kept, 429: kept, 451: kept,
		300: kept, 301: kept, 302: kept, 304: kept, 307: kept, 308: kept,
		500: kept, 501: kept, 502: kept, 503: kept, 504: kept, 520: kept,
	}
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	for status, want := range tests {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			e.fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "application/json", jsonRejection))
			jwt, refresh := e.expired()
			if diff := cmp.Diff(want, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("with a JSON object (-want +got):\n%s", diff)
			}
		})
		for name, body := range map[string]string{"HTML": htmlError, "array": "[]", "nothing": "", "two objects": "{}{}", "text": `"no"`} {
			t.Run(fmt.Sprint(status, name), func(t *testing.T) {
				e.fake.Fail(crossminttest.Refresh, crossminttest.Status(status, "application/json", body))
				jwt, refresh := e.expired()
				if diff := cmp.Diff(kept, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestUpstreamRetryAfter(t *testing.T) {
	for value, want := range map[string]string{
		"7": "7", "-1": "1", "0": "1", "1000000000000000000000000000000": "60", "soon": "1", "Thu, 01 Jan 1970 00:00:00 GMT": "1",
	} {
		t.Run(value, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{}, session.Config{})
			e.fake.Fail(crossminttest.Refresh, crossminttest.Status(429, "", jsonRejection).With("Retry-After", value))
			jwt, refresh := e.expired()
			if diff := cmp.Diff(outcome{Response: "503 kept retry " + want, Message: tryLater, Refreshes: 1}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// editMember is a fault that replaces or deletes one member of the response.
func editMember(member string, value any) crossminttest.Fault {
	return crossminttest.Edit(func(body map[string]any) {
		if value == nil {
			delete(body, member)
			return
		}
		body[member] = value
	})
}

func TestMalformedUpstreamResponses(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	ann := e.fake.NewUser("ann@example.com")
	body := func(body string) crossminttest.Fault { return crossminttest.Status(200, "application/json", body) }
	tests := map[string]crossminttest.Fault{
		"HTML":                          crossminttest.Status(200, "text/html", htmlError),
		"nothing":                       body(""),
		"204":                           crossminttest.Status(204, "", ""),
		"an array":                      body("[]"),
		"invalid UTF-8":                 crossminttest.InvalidUTF8(),
		"2 MiB":                         crossminttest.HugeBody(2 << 20),
		"no JWT":                        editMember("jwt", nil),
		"an empty JWT":                  editMember("jwt", ""),
		"JWT of a wrong type":           editMember("jwt", 7),
		"no refresh token":              editMember("refresh", nil),
		"refresh token of a wrong type": editMember("refresh", "NEW"),
		"an empty secret":               editMember("refresh", map[string]any{"secret": "", "expiresAt": "2030-01-01T00:00:00Z"}),
		"no user":                       editMember("user", nil),
		"user without an ID":            editMember("user", map[string]any{"email": "ann@example.com"}),
		"another user":                  editMember("user", map[string]any{"id": "another-user"}),
		"a forged JWT":                  editMember("jwt", e.fake.ForgedJWT(ann)),
		"an expired JWT":                editMember("jwt", e.fake.ExpiredJWT(ann)),
		"a malformed JWT":               editMember("jwt", "a.b.c"),
		"a secret with a line feed":     editMember("refresh", map[string]any{"secret": "a\nb", "expiresAt": ""}),
		"a secret with a semicolon":     editMember("refresh", map[string]any{"secret": "a; Path=/", "expiresAt": ""}),
		"a secret that is not ASCII":    editMember("refresh", map[string]any{"secret": "é", "expiresAt": ""}),
		"a redirect":                    crossminttest.Redirect("/elsewhere"),
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			e.fake.Fail(crossminttest.Refresh, fault)
			g := e.fake.ExpiredGrant(ann)
			got := e.outcome(t, middleware.Config{}, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
			if diff := cmp.Diff(outcome{Response: "503 kept retry 1", Message: tryLater, Refreshes: 1}, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

// JavaScript writes a name that was cut inside an emoji as a lone surrogate.
func TestHalfAnEmojiInUpstreamResponse(t *testing.T) {
	e := newEnv(t, crossminttest.Config{Reuse: crossminttest.ReuseRefuse}, session.Config{})
	e.fake.FailAlways(crossminttest.Refresh, crossminttest.Replace(func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"user":{`), []byte(`"user":{"name":"Ada \ud83d",`), 1)
	}))
	g := e.fake.ExpiredGrant(e.fake.NewUser("ann@example.com"))
	got := e.outcome(t, middleware.Config{}, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
	if !strings.HasPrefix(got.Response, "200") {
		t.Errorf("outcome %+v, want 200", got)
	}
}

func TestUpstreamConnectionFailures(t *testing.T) {
	tests := []struct {
		name  string
		fault crossminttest.Fault
		calls int
	}{
		{name: "reset before each response", fault: crossminttest.Reset(), calls: 2},
		{name: "each response cut off", fault: crossminttest.Truncate(), calls: 2},
		{name: "no response", fault: crossminttest.Hang(), calls: 1},
		{name: "a late response", fault: crossminttest.Delay(15 * time.Second), calls: 1},
		{name: "a response byte by byte", fault: crossminttest.SlowBody(time.Second), calls: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, crossminttest.Config{InMemory: true}, session.Config{})
				must(t, e.client.Preload(t.Context()))
				e.fake.FailAlways(crossminttest.Refresh, test.fault)
				jwt, refresh := e.expired()
				got := e.outcome(t, middleware.Config{}, jwt, refresh)
				if diff := cmp.Diff(outcome{Response: "503 kept retry 1", Message: tryLater, Refreshes: test.calls}, got); diff != "" {
					t.Errorf("outcome (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestUpstreamDown(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	must(t, e.client.Preload(t.Context()))
	jwt, refresh := e.expired()
	e.fake.Down()
	if diff := cmp.Diff(outcome{Response: "503 kept retry 1", Message: tryLater}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("down (-want +got):\n%s", diff)
	}
	must(t, e.fake.Up())
	if diff := cmp.Diff(outcome{Response: "200 renewed", Refreshes: 1}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("up again (-want +got):\n%s", diff)
	}
}

func TestLostResponseIsFetchedAgain(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	e.fake.Fail(crossminttest.Refresh, crossminttest.LoseResponse())
	jwt, refresh := e.expired()
	if diff := cmp.Diff(outcome{Response: "200 renewed", Refreshes: 2}, e.outcome(t, middleware.Config{}, jwt, refresh)); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// Upstream has exchanged a refresh token of another project. The cookies belong to
// that project and stay.
func TestRefreshResponseOfAnotherProject(t *testing.T) {
	e := newEnv(t, crossminttest.Config{}, session.Config{})
	ann := e.fake.NewUser("ann@example.com")
	e.fake.Fail(crossminttest.Refresh, editMember("jwt", e.fake.ForeignJWT(ann)))
	g := e.fake.ExpiredGrant(ann)
	got := e.outcome(t, middleware.Config{}, g.JWT.Reveal(), g.RefreshToken.Secret.Reveal())
	if diff := cmp.Diff(outcome{Response: "401 kept", Message: notValid, Refreshes: 1}, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}
