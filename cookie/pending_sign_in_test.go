package cookie_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
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

func pendingKey(t testing.TB, letter string) cookie.PendingKey {
	t.Helper()
	key, err := cookie.NewPendingKey([]byte(strings.Repeat(letter, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pending(email, id string) cookie.Pending {
	return cookie.Pending{Email: email, EmailID: session.NewSecret(id)}
}

// writePending returns the cookie that WritePending sets.
func writePending(t testing.TB, codec *cookie.Codec, key cookie.PendingKey, p cookie.Pending) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	if err := codec.WritePending(w, key, p); err != nil {
		t.Fatal(err)
	}
	set := w.Result().Cookies()
	if len(set) != 1 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("header %v, want one cookie and no-store", w.Header())
	}
	return set[0]
}

// readPending returns what the cookies hold: "email id", or "".
func readPending(codec *cookie.Codec, key cookie.PendingKey, cookies ...*http.Cookie) string {
	r := request()
	for _, c := range cookies {
		r.Header.Add("Cookie", c.Name+"="+c.Value)
	}
	p, ok := codec.ReadPending(r, key)
	if !ok {
		return strings.TrimSpace(p.Email + p.EmailID.Reveal())
	}
	return p.Email + " " + p.EmailID.Reveal()
}

func TestPendingCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // at a known time
		for name, test := range map[string]struct {
			config cookie.Config
			want   string
		}{
			"over TLS":                   {cookie.Config{}, "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
			"with other session cookies": {cookie.Config{Domain: "example.com", Path: "/app", SameSite: http.SameSiteStrictMode, ReadableRefreshCookie: true, Partitioned: true}, "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
			"over plain http":            {cookie.Config{InsecureAllowHTTP: true}, "crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; SameSite=Lax"},
			"with other names":           {cookie.Config{Names: cookie.Scoped(project)}, "__Host-crossmint-signin Path=/; Expires; Max-Age=600; HttpOnly; Secure; SameSite=Lax"},
		} {
			codec := newCodec(t, test.config)
			c := writePending(t, codec, pendingKey(t, "k"), pending("ada@example.com", "id"))
			if want := time.Now().Add(10 * time.Minute); !c.Expires.Equal(want) {
				t.Errorf("%s: expires %v, want %v", name, c.Expires, want)
			}
			_, attributes, _ := strings.Cut(c.Raw, "; ")
			attributes = strings.Replace(attributes, "="+c.RawExpires, "", 1)
			if diff := cmp.Diff(test.want, c.Name+" "+attributes); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestPendingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codec, key := newCodec(t, cookie.Config{}), pendingKey(t, "k")
		c := writePending(t, codec, key, pending("ada@example.com", "id"))
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{0, "ada@example.com id"}, {10*time.Minute - time.Second, "ada@example.com id"}, {time.Second, ""}, {time.Hour, ""}} {
			time.Sleep(step.wait)
			if diff := cmp.Diff(step.want, readPending(codec, key, c)); diff != "" {
				t.Errorf("after %v more, from a browser that keeps it (-want +got):\n%s", step.wait, diff)
			}
		}
	})
}

func TestClearPending(t *testing.T) {
	for _, config := range []cookie.Config{{}, {InsecureAllowHTTP: true}, {Domain: "example.com"}} {
		codec, jar, u := newCodec(t, config), must(cookiejar.New(nil)), &url.URL{Scheme: "https", Host: "app.example.com", Path: "/signin"}
		jar.SetCookies(u, []*http.Cookie{writePending(t, codec, pendingKey(t, "k"), pending("a@b", "id"))})
		before := len(jar.Cookies(u))
		w := httptest.NewRecorder()
		codec.ClearPending(w)
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

func TestPendingIsFor(t *testing.T) {
	codec, key := newCodec(t, cookie.Config{}), pendingKey(t, "k")
	c := writePending(t, codec, key, pending("ada@example.com", "id"))
	renamed := &http.Cookie{Name: "crossmint-signin", Value: c.Value}
	planted := &http.Cookie{Name: c.Name, Value: strings.Repeat("A", len(c.Value))}
	other := writePending(t, codec, key, pending("bob@example.com", "id"))
	for name, got := range map[string][2]string{
		"whoever has the key":             {"ada@example.com id", readPending(codec, pendingKey(t, "k"), c)},
		"another key":                     {"", readPending(codec, pendingKey(t, "l"), c)},
		"no key":                          {"", readPending(codec, cookie.PendingKey{}, c)},
		"another project":                 {"", readPending(newCodec(t, cookie.Config{ProjectID: "other"}), key, c)},
		"the name without its prefix":     {"", readPending(codec, key, renamed)},
		"plain http":                      {"", readPending(newCodec(t, cookie.Config{InsecureAllowHTTP: true}), key, c)},
		"garbage before it":               {"ada@example.com id", readPending(codec, key, planted, c)},
		"two: the first, as browsers say": {"bob@example.com id", readPending(codec, key, other, c)},
		"nothing":                         {"", readPending(codec, key)},
	} {
		if diff := cmp.Diff(got[0], got[1]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestPendingIsOpaque compares cookies as somebody does who wants to know
// which of two addresses is known.
func TestPendingIsOpaque(t *testing.T) {
	codec, key := newCodec(t, cookie.Config{}), pendingKey(t, "k")
	lengths, values := map[int]bool{}, map[string]bool{}
	for _, p := range []cookie.Pending{pending("a@b", "i"), pending("a@b", "i"), pending("ada@example.com", strings.Repeat("i", 256)), pending(strings.Repeat("a", 254), "i")} {
		c := writePending(t, codec, key, p)
		if raw := must(base64.RawURLEncoding.DecodeString(c.Value)); bytes.Contains(raw, []byte(p.Email)) {
			t.Errorf("%q can be read", p.Email)
		}
		lengths[len(c.Value)], values[c.Value] = true, true
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb+verb, pending("a@b", "CANARY"), key); strings.Contains(text, "CANARY") {
			t.Errorf("printed: %s", text)
		}
	}
	if len(lengths) != 1 || len(values) != 4 {
		t.Errorf("%d lengths and %d values, want one length and values that differ", len(lengths), len(values))
	}
}

func TestPendingUnfit(t *testing.T) {
	codec, key := newCodec(t, cookie.Config{}), pendingKey(t, "k")
	for name, c := range map[string]struct {
		key cookie.PendingKey
		p   cookie.Pending
	}{
		"no key":          {cookie.PendingKey{}, pending("a@b", "id")},
		"zero":            {key, cookie.Pending{}},
		"no address":      {key, pending("", "id")},
		"no ID":           {key, pending("a@b", "")},
		"too long":        {key, pending(strings.Repeat("a", 255), "id")},
		"an ID above 256": {key, pending("a@b", strings.Repeat("i", 257))},
	} {
		w := httptest.NewRecorder()
		if err := codec.WritePending(w, c.key, c.p); !errors.Is(err, cookie.ErrUnfit) || len(w.Header()) > 0 {
			t.Errorf("%s: error %v, header %v", name, err, w.Header())
		}
	}
	for _, secret := range [][]byte{nil, {}, make([]byte, 31)} {
		if k, err := cookie.NewPendingKey(secret); err == nil || !k.IsZero() {
			t.Errorf("a secret of %d bytes makes a key (%v)", len(secret), err)
		}
	}
}

// TestPendingForged changes each byte of the cookie in turn.
func TestPendingForged(t *testing.T) {
	codec, key := newCodec(t, cookie.Config{}), pendingKey(t, "k")
	c := writePending(t, codec, key, pending("ada@example.com", "id"))
	for i := range c.Value {
		forged := *c
		other := byte('A')
		if c.Value[i] == other {
			other = 'B'
		}
		forged.Value = c.Value[:i] + string(other) + c.Value[i+1:]
		if got := readPending(codec, key, &forged); got != "" {
			t.Fatalf("byte %d changed: %q", i, got)
		}
	}
	// The last letter holds bits that base64 does not need.
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		forged := *c
		forged.Value = c.Value[:len(c.Value)-1] + string(letter)
		if got := readPending(codec, key, &forged); got != "" && forged.Value != c.Value {
			t.Errorf("another last letter: %q", got)
		}
	}
}

// FuzzPendingWriteRead sends what WritePending sets back, as a browser does.
func FuzzPendingWriteRead(f *testing.F) {
	for _, seed := range [][2]string{{"ada@example.com", "id"}, {"é@b", "\x00"}, {"", "id"}, {"a@b", ""}, {strings.Repeat("a", 255), strings.Repeat("i", 257)}, {`"a;b"@c`, "a,b\r\n"}} {
		f.Add(seed[0], seed[1])
	}
	codec, key := newCodec(f, cookie.Config{}), pendingKey(f, "k")
	f.Fuzz(func(t *testing.T, email, id string) {
		w := httptest.NewRecorder()
		if err := codec.WritePending(w, key, pending(email, id)); err != nil {
			if !errors.Is(err, cookie.ErrUnfit) || len(w.Header()) > 0 {
				t.Fatalf("error %v, headers %v", err, w.Header())
			}
			return
		}
		if diff := cmp.Diff(email+" "+id, readPending(codec, key, w.Result().Cookies()...)); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
	})
}

// FuzzPendingRead presents what WritePending did not set.
func FuzzPendingRead(f *testing.F) {
	codec, key := newCodec(f, cookie.Config{}), pendingKey(f, "k")
	c := writePending(f, codec, pendingKey(f, "l"), pending("ada@example.com", "id"))
	for _, seed := range []string{"", "a", c.Value, c.Value + "A", c.Value[:len(c.Value)-1], strings.Repeat("A", len(c.Value)), `"` + c.Value + `"`, c.Value + "; " + c.Name + "=" + c.Value} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := request(c.Name + "=" + value)
		if p, ok := codec.ReadPending(r, key); ok || p.Email != "" || !p.EmailID.IsZero() {
			t.Errorf("read %q from %q", p.Email, value)
		}
	})
}

// A key that is printed by accident gives away neither its secret nor the AES
// key, which stands at the beginning of the cipher's state.
func TestPendingKeyDoesNotPrint(t *testing.T) {
	secret := []byte(strings.Repeat("0123456789abcdef", 2))
	raw := must(hkdf.Key(sha256.New, secret, nil, "crossmint-go/auth pending sign-in 1", 32))
	var big, little [8]uint32
	for i := range big {
		big[i], little[i] = binary.BigEndian.Uint32(raw[4*i:]), binary.LittleEndian.Uint32(raw[4*i:])
	}
	key := must(cookie.NewPendingKey(secret))
	for name, value := range map[string]any{"the key": key, "a pointer": &key, "a struct": struct{ key cookie.PendingKey }{key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			text := fmt.Sprintf(verb, value)
			for _, words := range [][8]uint32{big, little} {
				if strings.Contains(text, strings.Trim(fmt.Sprint(words), "[]")) {
					t.Errorf("%s of %s shows the AES key", verb, name)
				}
			}
		}
	}
}
