package crossmint_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
)

func TestUser(t *testing.T) {
	fake := newFake(t, crossminttest.Config{})
	client := newClient(t, fake.Config())
	ada := fake.NewUser("ada@example.com")
	got, err := client.User(t.Context(), ada.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != ada.ID || got.Email != "ada@example.com" {
		t.Errorf("user = %+v, want %+v", got, ada)
	}
	_, err = client.User(t.Context(), "unknown")
	if !errors.Is(err, session.ErrRefused) || upstreamError(t, err).Status != http.StatusNotFound {
		t.Errorf("unknown user: %v, want refused with 404", err)
	}
}

// A user is cached for a short time. An error is not, and a change of the returned
// user does not reach the cache.
func TestUserIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t, crossminttest.Config{InMemory: true})
		client := newClient(t, fake.Config())
		ada := fake.NewUser("ada@example.com")
		get := func(wantCalls int) session.User {
			t.Helper()
			user, err := client.User(t.Context(), ada.ID)
			if err != nil {
				t.Fatal(err)
			}
			if calls := fake.Calls().User; calls != wantCalls {
				t.Errorf("%d calls, want %d", calls, wantCalls)
			}
			return user
		}
		fake.Fail(crossminttest.User, crossminttest.Status(http.StatusBadGateway, "", ""))
		if _, err := client.User(t.Context(), ada.ID); err == nil {
			t.Error("no error during an outage")
		}
		first := get(2)
		want := first
		want.JSON = bytes.Clone(first.JSON)
		clear(first.JSON)
		if diff := cmp.Diff(want, get(2)); diff != "" {
			t.Errorf("cached user (-want +got):\n%s", diff)
		}
		time.Sleep(30 * time.Second)
		get(3)
	})
}

func TestUserResponses(t *testing.T) {
	const user = `{"id":"u-1","email":"a@example.com","phoneNumber":"+1","twitter":{"id":"9","username":"ada"},"new":[1]}`
	good := map[string]string{
		"bare":               user,
		"wrapped":            `{"user":` + user + `}`,
		"space around it":    "\n " + user + "\n",
		"wrapped, and space": "\n{ \"user\" : " + user + " }\n",
	}
	for name, body := range good {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, "application/json", body))
			got, err := u.client.User(t.Context(), "u-1")
			if err != nil {
				t.Fatal(err)
			}
			want := session.User{ID: "u-1", Email: "a@example.com", PhoneNumber: "+1", JSON: json.RawMessage(user)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
	bad := map[string]string{
		"an error":                 `{"error":true,"message":"u-1 not found"}`,
		"an error with an id":      `{"error":{"id":"u-1"}}`,
		"another user":             `{"id":"u-2"}`,
		"another user, wrapped":    `{"user":{"id":"u-2"}}`,
		"id in another case":       `{"ID":"u-1"}`,
		"id twice":                 `{"id":"u-1","id":"u-1"}`,
		"id in two cases":          `{"id":"u-2","ID":"u-1"}`,
		"id a number":              `{"id":1}`,
		"id empty":                 `{"id":""}`,
		"id null":                  `{"id":null}`,
		"user null":                `{"user":null}`,
		"user a string":            `{"user":"u-1"}`,
		"an empty user":            `{"user":{}}`,
		"a user in a user":         `{"user":{"user":{"id":"u-1"}}}`,
		"a list":                   `[{"id":"u-1"}]`,
		"a string":                 `"u-1"`,
		"null":                     `null`,
		"nothing":                  ``,
		"HTML":                     `<html>u-1</html>`,
		"bytes behind it":          `{"id":"u-1"}x`,
		"a byte order mark":        "\ufeff" + `{"id":"u-1"}`,
		"invalid UTF-8":            "{\"id\":\"u-1\",\"x\":\"\xff\"}",
		"cut short":                `{"id":"u-1"`,
		"nested a thousand levels": `{"id":"u-1","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	}
	for name, body := range bad {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, "application/json", body))
			got, err := u.client.User(t.Context(), "u-1")
			if !errors.Is(err, session.ErrMalformed) || !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("error = %v, want malformed", err)
			}
			if diff := cmp.Diff("", got.ID+got.Email); diff != "" {
				t.Errorf("a user beside the error (-want +got):\n%s", diff)
			}
		})
	}
}

// Of a user only the ID is required. Other members may have any type, and an
// object that is too long is left out.
func TestUserRequiresOnlyID(t *testing.T) {
	for name, object := range map[string]string{
		"id alone":              `{"id":"u-1"}`,
		"email a number":        `{"id":"u-1","email":1}`,
		"email null":            `{"id":"u-1","email":null}`,
		"phoneNumber an object": `{"id":"u-1","phoneNumber":{"number":"+1"}}`,
		"twitter a string":      `{"id":"u-1","twitter":"ada"}`,
		"id in two cases":       `{"id":"u-1","ID":"u-2","Email":"b@example.com"}`,
		"of 64 KiB and a byte":  `{"id":"u-1","x":"` + strings.Repeat("x", 64<<10-17) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t, respond(200, "application/json", object))
			got, err := u.client.User(t.Context(), "u-1")
			if err != nil {
				t.Fatal(err)
			}
			want := session.User{ID: "u-1"}
			if len(object) <= 64<<10 {
				want.JSON = json.RawMessage(object)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// An error response is never a user, whatever its body.
func TestUserErrorResponses(t *testing.T) {
	for _, status := range []int{301, 400, 401, 403, 404, 429, 500, 503} {
		u := newUpstream(t, respond(status, "application/json", `{"id":"u-1"}`))
		if got, err := u.client.User(t.Context(), "u-1"); err == nil || got.ID != "" {
			t.Errorf("%d: user %q, %v, want an error alone", status, got.ID, err)
		}
	}
}

// An ID is one path segment, or no request is sent.
func TestUserSendsEscapedID(t *testing.T) {
	long := strings.Repeat("a", 256)
	escaped := map[string]string{
		"../../x": "..%2F..%2Fx", "a/b": "a%2Fb", "%2e%2e": "%252e%252e", "%2f": "%252f", "a?b=c": "a%3Fb=c", "a#b": "a%23b",
		"a b": "a%20b", "a;b": "a%3Bb", `a\b`: "a%5Cb", "é": "%C3%A9", "a\r\nX: y": "a%0D%0AX:%20y", "...": "...", ".a": ".a", long: long,
		"//evil.example": "%2F%2Fevil.example", "a:b@c": "a:b@c", "\x00": "%00", "..;": "..%3B",
	}
	for id, want := range escaped {
		u := newUpstream(t, respond(404, "application/json", `{}`))
		if _, err := u.client.User(t.Context(), id); !errors.Is(err, session.ErrRefused) {
			t.Errorf("%q: %v, want refused", id, err)
		}
		got := sentBy(t, u).URI
		if diff := cmp.Diff(apiPath+"/sdk/auth/user/"+want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", id, diff)
		}
		if back, err := url.PathUnescape(got); err != nil || !strings.HasSuffix(back, "/user/"+id) {
			t.Errorf("%q arrives as %q", id, back)
		}
	}
	for _, id := range []string{"", ".", "..", long + "a"} {
		u := newUpstream(t, respond(200, "application/json", `{"id":"`+id+`"}`))
		if _, err := u.client.User(t.Context(), id); !errors.Is(err, crossmint.ErrInvalidArgument) {
			t.Errorf("%q: %v, want ErrInvalidArgument", id, err)
		}
		if requests, _ := u.arrived(); len(requests) != 0 {
			t.Errorf("%q was sent as %s", id, requests[0].RequestURI)
		}
	}
}
