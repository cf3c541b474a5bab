package cookie_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

const markerName = plainRefresh + "-refused"

// mark has the codec set a marker for the cookies in line, and returns it.
func mark(t *testing.T, codec *cookie.Codec, line string) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	_ = codec.Read(request(line)).Apply(w, session.Result{}, &session.AuthenticationError{Refused: true})
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("Set-Cookie: %q, want a marker alone", w.Header()["Set-Cookie"])
	}
	return cookies[0]
}

func TestMarkerAttributes(t *testing.T) {
	type attributes struct {
		Name, Path, Domain            string
		MaxAge                        int
		Secure, HTTPOnly, Partitioned bool
		SameSite                      http.SameSite
	}
	month := 30 * 24 * 60 * 60
	tests := []struct {
		name   string
		config cookie.Config
		want   attributes
	}{
		{name: "by default", want: attributes{Name: markerName, Path: "/", MaxAge: month, Secure: true, HTTPOnly: true, SameSite: http.SameSiteLaxMode}},
		{
			name: "as configured",
			config: cookie.Config{
				Names: cookie.Scoped(project), ReadableRefreshCookie: true, Domain: "example.com", Path: "/app", Partitioned: true, SameSite: http.SameSiteNoneMode,
			},
			want: attributes{
				Name: scopedRefresh + "-refused", Path: "/app", Domain: "example.com", MaxAge: month,
				Secure: true, HTTPOnly: true, Partitioned: true, SameSite: http.SameSiteNoneMode,
			},
		},
		{
			name:   "with cookies that end with the browser",
			config: cookie.Config{SessionCookies: true},
			want:   attributes{Name: markerName, Path: "/", Secure: true, HTTPOnly: true, SameSite: http.SameSiteLaxMode},
		},
		{
			name:   "on plain http",
			config: cookie.Config{InsecureAllowHTTP: true},
			want:   attributes{Name: markerName, Path: "/", MaxAge: month, HTTPOnly: true, SameSite: http.SameSiteLaxMode},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := mark(t, newCodec(t, test.config), pairs(scopedRefresh, "r"))
			got := attributes{c.Name, c.Path, c.Domain, c.MaxAge, c.Secure, c.HttpOnly, c.Partitioned, c.SameSite}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(c.Value) != 24 {
				t.Errorf("value of %d bytes", len(c.Value))
			}
		})
	}
}

func TestReadMarker(t *testing.T) {
	const line = plainRefresh + "=token"
	codec := newCodec(t, cookie.Config{})
	scoped := newCodec(t, cookie.Config{Names: cookie.Scoped(project)})
	own := mark(t, codec, line).Value
	forgedWith := mark(t, codec, plainRefresh+"=guess").Value
	changed := own[:23] + map[bool]string{true: "-", false: "_"}[strings.HasSuffix(own, "_")]
	repeated := func(marker string, n int) string { return strings.Repeat("; "+markerName+"="+marker, n) }
	tests := []struct {
		name  string
		codec *cookie.Codec
		line  string
		want  bool // the marker counts
	}{
		{name: "own", line: line + repeated(own, 1), want: true},
		{name: "made with another token", line: line + repeated(forgedWith, 1)},
		{name: "of the token before the last renewal", line: plainRefresh + "=next" + repeated(own, 1)},
		{name: "beside one more token", line: line + "; " + scopedRefresh + "=more" + repeated(own, 1)},
		{name: "without a token", line: markerName + "=" + own},
		{name: "of another name", codec: scoped, line: line + repeated(own, 1)},
		{name: "one byte changed", line: line + repeated(changed, 1)},
		{name: "time changed", line: line + repeated("B"+own[1:], 1)},
		{name: "cut", line: line + repeated(own[:20], 1)},
		{name: "oversize", line: line + repeated(own+strings.Repeat("A", 4000), 1)},
		{name: "no base64", line: line + repeated(strings.Repeat("?", 24), 1)},
		{name: "empty", line: line + repeated("", 1)},
		{name: "behind planted ones", line: line + repeated(forgedWith, cookie.MaxMarkers-1) + repeated(own, 1), want: true},
		{name: "behind too many planted ones", line: line + repeated(forgedWith, cookie.MaxMarkers) + repeated(own, 1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reader := codec
			if test.codec != nil {
				reader = test.codec
			}
			at := reader.Read(request(test.line)).Material.RefusedAt
			if got := !at.IsZero(); got != test.want {
				t.Errorf("refused at %v", at)
			}
			if test.want && time.Since(at) > time.Minute {
				t.Errorf("refused at %v", at)
			}
		})
	}
}

// The clocks of the instances of a fleet may differ by half a minute.
func TestMarkerFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const line = plainRefresh + "=token"
		codec := newCodec(t, cookie.Config{})
		time.Sleep(time.Hour)
		marker := mark(t, codec, line).Value
		r := request(line + "; " + markerName + "=" + marker)
		if codec.Read(r).Material.RefusedAt.IsZero() {
			t.Error("the marker does not count")
		}
	})
	early := ""
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(31 * time.Second)
		early = mark(t, newCodec(t, cookie.Config{}), plainRefresh+"=token").Value
	})
	synctest.Test(t, func(t *testing.T) { // begins at the same time again
		codec := newCodec(t, cookie.Config{})
		r := request(plainRefresh + "=token; " + markerName + "=" + early)
		if at := codec.Read(r).Material.RefusedAt; !at.IsZero() {
			t.Errorf("refused %v from now", time.Until(at))
		}
		time.Sleep(2 * time.Second)
		if codec.Read(r).Material.RefusedAt.IsZero() {
			t.Error("29 s ahead: the marker does not count")
		}
	})
}

func TestMarkerIsWrittenAndDeleted(t *testing.T) {
	codec := newCodec(t, cookie.Config{})
	const line = plainRefresh + "=token"
	marked := line + "; " + markerName + "=" + mark(t, codec, line).Value
	refused := &session.AuthenticationError{Refused: true}
	tests := []struct {
		name string
		line string
		do   func(w http.ResponseWriter, r *http.Request)
		want string // the number and the kind of lines for the marker
	}{
		{name: "a refusal sets it", line: line, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, refused)
		}, want: "set"},
		{name: "so does a request to ask again", line: line, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, &session.UpstreamError{AskAgain: true})
		}, want: "set"},
		{name: "another 401 does not", line: line, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, &session.AuthenticationError{})
		}},
		{name: "a later refusal keeps the time of the first", line: marked, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, refused)
		}},
		{name: "a marker of another token is replaced", line: plainRefresh + "=next; " + markerName + "=old", do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, refused)
		}, want: "set"},
		{name: "a final refusal deletes it", line: marked, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{}, &session.AuthenticationError{Refused: true, Clear: true})
		}, want: "deleted"},
		{name: "a renewal deletes it", line: marked, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Read(r).Apply(w, session.Result{Renewed: &session.Renewal{Grant: grant("a.b.c", "next")}}, nil)
		}, want: "deleted"},
		{name: "a sign-in deletes it", line: marked, do: func(w http.ResponseWriter, r *http.Request) {
			_ = codec.Write(w, r, grant("a.b.c", "next"))
		}, want: "deleted"},
		{name: "a logout deletes it", line: marked, do: codec.Clear, want: "deleted"},
		{name: "a logout without one leaves it out", line: line, do: codec.Clear},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.do(w, request(test.line))
			got := ""
			for _, c := range w.Result().Cookies() {
				switch {
				case c.Name != markerName:
				case c.MaxAge < 0:
					got += "deleted"
				default:
					got += "set"
				}
			}
			if got != test.want {
				t.Errorf("the marker was %q, want %q: %q", got, test.want, w.Header()["Set-Cookie"])
			}
		})
	}
}

// More cookies than are read may hide a good one.
func TestIncomplete(t *testing.T) {
	tests := []struct {
		name  string
		count int
		want  bool
	}{
		{name: "as many as are read", count: cookie.MaxValuesPerName},
		{name: "one more", count: cookie.MaxValuesPerName + 1, want: true},
	}
	for _, test := range tests {
		line := strings.Repeat("; "+plainRefresh+"=planted", test.count)[2:]
		if got := newCodec(t, cookie.Config{}).Read(request(line)).Material.Incomplete; got != test.want {
			t.Errorf("%s: incomplete %v", test.name, got)
		}
	}
}
