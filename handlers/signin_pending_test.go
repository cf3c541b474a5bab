package handlers

import (
	"bytes"
	stdcmp "cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

func pendingKey(letter string) session.Secret { return session.NewSecret(strings.Repeat(letter, 32)) }

// newPending returns the cookie of a site with these session cookies.
func newPending(t testing.TB, config cookie.Config, key session.Secret) *pendingCookie {
	t.Helper()
	config.ProjectID = stdcmp.Or(config.ProjectID, "project")
	codec, err := cookie.NewCodec(config)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newPendingCookie(codec.Config(), key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request returns a request with a Cookie header.
func request(cookies string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Cookie", cookies)
	return r
}

func pending(email, id string) pendingSignIn {
	return pendingSignIn{Email: email, EmailID: session.NewSecret(id)}
}

// writePending returns the cookie that write sets.
func writePending(t testing.TB, codec *pendingCookie, p pendingSignIn) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := codec.write(w, p); err != nil {
		t.Fatal(err)
	}
	set := w.Result().Cookies()
	if len(set) != 1 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("header %v, want one cookie and no-store", w.Header())
	}
	return set[0]
}

// readPending returns the e-mail address and the ID in the cookies, or "".
func readPending(codec *pendingCookie, cookies ...*http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range cookies {
		r.Header.Add("Cookie", c.Name+"="+c.Value)
	}
	p, ok := codec.read(r)
	if !ok {
		return strings.TrimSpace(p.Email + p.EmailID.Reveal())
	}
	return p.Email + " " + p.EmailID.Reveal()
}

func TestPendingSignInCookie(t *testing.T) {
	const overTLS = "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=Lax"
	tests := []struct {
		name   string
		config cookie.Config
		want   string
	}{
		{name: "over TLS", want: overTLS},
		{name: "with other attributes of the session cookies", config: cookie.Config{
			Domain: "example.com", Path: "/app", SameSite: http.SameSiteStrictMode, ReadableRefreshCookie: true,
		}, want: overTLS},
		{name: "in pages that other sites embed", config: cookie.Config{SameSite: http.SameSiteNoneMode, Partitioned: true},
			want: "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=None; Partitioned"},
		{name: "without Partitioned", config: cookie.Config{SameSite: http.SameSiteNoneMode},
			want: "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=None"},
		{name: "with other names of the session cookies", config: cookie.Config{Names: cookie.Scoped("project")}, want: overTLS},
		{name: "over plain http", config: cookie.Config{InsecureAllowHTTP: true}, want: "crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; SameSite=Lax"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // at a known time
				c := writePending(t, newPending(t, test.config, pendingKey("k")), pending("ada@example.com", "id"))
				if want := time.Now().Add(10 * time.Minute); !c.Expires.Equal(want) {
					t.Errorf("expires %v, want %v", c.Expires, want)
				}
				_, attributes, _ := strings.Cut(c.Raw, "; ")
				attributes = strings.Replace(attributes, "="+c.RawExpires, "", 1)
				if diff := cmp.Diff(test.want, c.Name+" "+attributes); diff != "" {
					t.Errorf("name and attributes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPendingSignInExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codec := newPending(t, cookie.Config{}, pendingKey("k"))
		c := writePending(t, codec, pending("ada@example.com", "id"))
		for _, step := range []struct {
			wait time.Duration
			want string
		}{
			{wait: 0, want: "ada@example.com id"},
			{wait: 10*time.Minute - time.Second, want: "ada@example.com id"},
			{wait: time.Second, want: ""},
			{wait: time.Hour, want: ""},
		} {
			time.Sleep(step.wait)
			if diff := cmp.Diff(step.want, readPending(codec, c)); diff != "" {
				t.Errorf("after %v more, from a browser that keeps the cookie (-want +got):\n%s", step.wait, diff)
			}
		}
	})
}

// emailIDs returns the e-mail IDs of a pending sign-in, the latest first.
func emailIDs(p pendingSignIn) (ids []string) {
	for _, e := range append([]pendingSignIn{p}, p.Earlier...) {
		ids = append(ids, e.EmailID.Reveal())
	}
	return ids
}

// TestEarlierPendingSignIns stores several e-mails in one cookie.
func TestEarlierPendingSignIns(t *testing.T) {
	uuid, long := strings.Repeat("u", 36), strings.Repeat("i", 256)
	email := strings.Repeat("a", 242) + "@example.com" // the longest
	tests := []struct {
		name    string
		latest  string
		earlier []string // of each the expiry is a minute later
		wait    time.Duration
		want    []string
	}{
		{name: "one", latest: "c", earlier: []string{"b"}, want: []string{"c", "b"}},
		{name: "two", latest: "1" + uuid, earlier: []string{"2" + uuid, "3" + uuid}, want: []string{"1" + uuid, "2" + uuid, "3" + uuid}},
		{name: "no more than two", latest: "c", earlier: []string{"b", "a", "z"}, want: []string{"c", "b", "a"}},
		{name: "long latest", latest: long, earlier: []string{uuid, uuid}, want: []string{long, uuid, uuid}},
		{name: "long earlier", latest: long, earlier: []string{long, uuid}, want: []string{long, uuid}},
		{name: "empty earlier", latest: "c", earlier: []string{"", "a"}, want: []string{"c", "a"}},
		{name: "one expired", latest: "c", earlier: []string{"b", "a"}, wait: time.Minute, want: []string{"c", "a"}},
		{name: "both expired", latest: "c", earlier: []string{"b", "a"}, wait: 2 * time.Minute, want: []string{"c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codec := newPending(t, cookie.Config{}, pendingKey("k"))
				p := pending(email, test.latest)
				for i, id := range test.earlier {
					p.Earlier = append(p.Earlier, pendingSignIn{EmailID: session.NewSecret(id), ExpiresAt: time.Now().Add(time.Duration(i+1) * time.Minute)})
				}
				c := writePending(t, codec, p)
				if size := len(c.Name) + len(c.Value); size > 1024 {
					t.Errorf("the cookie has %d bytes", size)
				}
				time.Sleep(test.wait)
				got, _ := codec.read(request(c.Name + "=" + c.Value))
				if diff := cmp.Diff(test.want, emailIDs(got)); diff != "" {
					t.Errorf("e-mail IDs (-want +got):\n%s", diff)
				}
				for _, e := range got.Earlier {
					if e.Email != email || !e.ExpiresAt.After(time.Now()) {
						t.Errorf("earlier e-mail to %q until %v", e.Email, e.ExpiresAt)
					}
				}
			})
		})
	}
}

// TestPendingState stores the state of a sign-in with a provider or wallet, alone and
// beside an e-mail. Both expire on their own.
func TestPendingState(t *testing.T) {
	type parts struct{ Email, State string }
	minute := func(minutes int) time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute) }
	state := session.NewSecret(strings.Repeat("s", 32))
	tests := []struct {
		name    string
		email   string
		minutes [2]int // until e-mail and state expire; zero: the default
		maxAge  int
		wait    time.Duration
		want    parts
	}{
		{name: "state alone", maxAge: 600, want: parts{State: state.Reveal()}},
		{name: "state alone, expired", maxAge: 600, wait: 10 * time.Minute},
		{name: "both", email: "a@b", maxAge: 600, want: parts{"a@b", state.Reveal()}},
		{name: "e-mail first", email: "a@b", minutes: [2]int{5, 10}, maxAge: 600, wait: 5 * time.Minute, want: parts{State: state.Reveal()}},
		{name: "state first", email: "a@b", minutes: [2]int{10, 5}, maxAge: 600, wait: 5 * time.Minute, want: parts{Email: "a@b"}},
		{name: "both expired", email: "a@b", minutes: [2]int{1, 1}, maxAge: 60, wait: time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				codec := newPending(t, cookie.Config{}, pendingKey("k"))
				p := pendingSignIn{State: state}
				if test.email != "" {
					p.Email, p.EmailID = test.email, session.NewSecret("id")
				}
				if test.minutes != [2]int{} {
					p.ExpiresAt, p.StateExpiresAt = minute(test.minutes[0]), minute(test.minutes[1])
				}
				c := writePending(t, codec, p)
				if c.MaxAge != test.maxAge {
					t.Errorf("Max-Age %d, want %d", c.MaxAge, test.maxAge)
				}
				time.Sleep(test.wait)
				got, ok := codec.read(request(c.Name + "=" + c.Value))
				if diff := cmp.Diff(test.want, parts{got.Email, got.State.Reveal()}); diff != "" || ok != (test.want != parts{}) {
					t.Errorf("read %v (-want +got):\n%s", ok, diff)
				}
			})
		})
	}
}

func TestDeletePendingSignIn(t *testing.T) {
	for _, config := range []cookie.Config{{}, {InsecureAllowHTTP: true}, {Domain: "example.com"}, {SameSite: http.SameSiteNoneMode, Partitioned: true}} {
		codec, jar, u := newPending(t, config, pendingKey("k")), must(cookiejar.New(nil)), &url.URL{Scheme: "https", Host: "app.example.com", Path: "/signin"}
		jar.SetCookies(u, []*http.Cookie{writePending(t, codec, pending("a@b", "id"))})
		before := len(jar.Cookies(u))
		w := httptest.NewRecorder()
		codec.remove(w)
		jar.SetCookies(u, w.Result().Cookies())
		if got := len(jar.Cookies(u)); before != 1 || got != 0 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%+v: %d cookies, then %d; Cache-Control %q", config, before, got, w.Header().Get("Cache-Control"))
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestReadPendingSignIn(t *testing.T) {
	codec := newPending(t, cookie.Config{}, pendingKey("k"))
	c := writePending(t, codec, pending("ada@example.com", "id"))
	renamed := &http.Cookie{Name: "crossmint-signin", Value: c.Value}
	planted := &http.Cookie{Name: c.Name, Value: strings.Repeat("A", len(c.Value))}
	other := writePending(t, codec, pending("bob@example.com", "id"))
	tests := []struct {
		name    string
		codec   *pendingCookie
		cookies []*http.Cookie
		want    string
	}{
		{name: "key of the same secret", codec: newPending(t, cookie.Config{}, pendingKey("k")), cookies: []*http.Cookie{c}, want: "ada@example.com id"},
		{name: "another key", codec: newPending(t, cookie.Config{}, pendingKey("l")), cookies: []*http.Cookie{c}},
		{name: "another project", codec: newPending(t, cookie.Config{ProjectID: "other"}, pendingKey("k")), cookies: []*http.Cookie{c}},
		{name: "name without its prefix", codec: codec, cookies: []*http.Cookie{renamed}},
		{name: "plain http", codec: newPending(t, cookie.Config{InsecureAllowHTTP: true}, pendingKey("k")), cookies: []*http.Cookie{c}},
		{name: "invalid value first", codec: codec, cookies: []*http.Cookie{planted, c}, want: "ada@example.com id"},
		{name: "two values: the first, as browsers order them", codec: codec, cookies: []*http.Cookie{other, c}, want: "bob@example.com id"},
		{name: "no cookie", codec: codec},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, readPending(test.codec, test.cookies...)); diff != "" {
				t.Errorf("pending sign-in (-want +got):\n%s", diff)
			}
		})
	}
}

// A cookie must not tell its reader which of two addresses it holds.
func TestPendingSignInIsOpaque(t *testing.T) {
	codec := newPending(t, cookie.Config{}, pendingKey("k"))
	lengths, values := map[int]bool{}, map[string]bool{}
	for _, p := range []pendingSignIn{pending("a@b", "i"), pending("a@b", "i"), pending("ada@example.com", strings.Repeat("i", 256)), pending(strings.Repeat("a", 254), "i"), {State: session.NewSecret("s")}} {
		c := writePending(t, codec, p)
		if raw := must(base64.RawURLEncoding.DecodeString(c.Value)); p.Email != "" && bytes.Contains(raw, []byte(p.Email)) {
			t.Errorf("%q can be read", p.Email)
		}
		lengths[len(c.Value)], values[c.Value] = true, true
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb+verb, pending("a@b", "CANARY"), codec); strings.Contains(text, "CANARY") {
			t.Errorf("printed: %s", text)
		}
	}
	if len(lengths) != 1 || len(values) != 5 {
		t.Errorf("%d lengths and %d values, want one length and values that differ", len(lengths), len(values))
	}
}

func TestInvalidPendingSignInIsNotWritten(t *testing.T) {
	codec := newPending(t, cookie.Config{}, pendingKey("k"))
	tests := []struct {
		name string
		p    pendingSignIn
	}{
		{name: "zero value"},
		{name: "no address", p: pending("", "id")},
		{name: "no ID", p: pending("a@b", "")},
		{name: "address above 254 bytes", p: pending(strings.Repeat("a", 255), "id")},
		{name: "state above 32 bytes", p: pendingSignIn{State: session.NewSecret(strings.Repeat("s", 33))}},
		{name: "state and an ID without an address", p: pendingSignIn{State: session.NewSecret("s"), EmailID: session.NewSecret("id")}},
		{name: "ID above 256 bytes", p: pending("a@b", strings.Repeat("i", 257))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := codec.write(w, test.p); err == nil || len(w.Header()) > 0 {
				t.Errorf("error %v, header %v", err, w.Header())
			}
		})
	}
}

func TestShortPendingKey(t *testing.T) {
	for _, bytes := range []int{0, 1, 31} {
		if _, err := newPendingCookie(cookie.Config{}, session.NewSecret(strings.Repeat("k", bytes))); err == nil {
			t.Errorf("a key of %d bytes is accepted", bytes)
		}
	}
}

// TestForgedPendingSignIn changes each byte of the cookie in turn.
func TestForgedPendingSignIn(t *testing.T) {
	codec := newPending(t, cookie.Config{}, pendingKey("k"))
	c := writePending(t, codec, pending("ada@example.com", "id"))
	for i := range c.Value {
		forged := *c
		other := byte('A')
		if c.Value[i] == other {
			other = 'B'
		}
		forged.Value = c.Value[:i] + string(other) + c.Value[i+1:]
		if got := readPending(codec, &forged); got != "" {
			t.Fatalf("byte %d changed: %q", i, got)
		}
	}
	// The last letter of the base64 has bits that belong to no byte.
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		forged := *c
		forged.Value = c.Value[:len(c.Value)-1] + string(letter)
		if got := readPending(codec, &forged); got != "" && forged.Value != c.Value {
			t.Errorf("another last letter: %q", got)
		}
	}
}

// FuzzPendingSignInWriteRead sends the cookie of write back, as a
// browser does.
func FuzzPendingSignInWriteRead(f *testing.F) {
	for _, seed := range [][2]string{{"ada@example.com", "id"}, {"é@b", "\x00"}, {"", "id"}, {"a@b", ""}, {strings.Repeat("a", 255), strings.Repeat("i", 257)}, {`"a;b"@c`, "a,b\r\n"}} {
		f.Add(seed[0], seed[1])
	}
	codec := newPending(f, cookie.Config{}, pendingKey("k"))
	f.Fuzz(func(t *testing.T, email, id string) {
		w := httptest.NewRecorder()
		if err := codec.write(w, pending(email, id)); err != nil {
			if len(w.Header()) > 0 {
				t.Fatalf("error %v, headers %v", err, w.Header())
			}
			return
		}
		if diff := cmp.Diff(email+" "+id, readPending(codec, w.Result().Cookies()...)); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	})
}

// FuzzPendingSignInRead presents values that write did not set.
func FuzzPendingSignInRead(f *testing.F) {
	codec := newPending(f, cookie.Config{}, pendingKey("k"))
	c := writePending(f, newPending(f, cookie.Config{}, pendingKey("l")), pending("ada@example.com", "id"))
	for _, seed := range []string{"", "a", c.Value, c.Value + "A", c.Value[:len(c.Value)-1], strings.Repeat("A", len(c.Value)), `"` + c.Value + `"`, c.Value + "; " + c.Name + "=" + c.Value} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := request(c.Name + "=" + value)
		if p, ok := codec.read(r); ok || p.Email != "" || !p.EmailID.IsZero() {
			t.Errorf("read %q from %q", p.Email, value)
		}
	})
}
