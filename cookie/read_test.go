package cookie_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/google/go-cmp/cmp"
)

// TestReadRefreshTokens shows which refresh tokens a request brings by those
// that upstream is asked about. Upstream knows none of them.
func TestReadRefreshTokens(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"documented", []string{pairs(plainRefresh, "a")}, []string{"a"}},
		{"unscoped", []string{pairs(unscopedJWT, "x", plainRefresh, "a")}, []string{"a"}},
		{"scoped", []string{pairs(scopedJWT, "x", scopedRefresh, "a")}, []string{"a"}},
		{"scoped, refresh token only", []string{pairs(scopedRefresh, "a")}, []string{"a"}},
		{"two generations, the configured one first", []string{pairs(scopedRefresh, "b", plainRefresh, "a")}, []string{"a", "b"}},
		{"one token under two names is one", []string{pairs(scopedRefresh, "a", plainRefresh, "a")}, []string{"a"}},
		{"several lines", []string{"theme=dark", pairs(plainRefresh, "a")}, []string{"a"}},
		{"one name twice, in order", []string{pairs(plainRefresh, "a", plainRefresh, "b")}, []string{"a", "b"}},
		{"never more than two", []string{pairs(plainRefresh, "a", plainRefresh, "b", plainRefresh, "c")}, []string{"a", "b"}},

		{"quoted", []string{pairs(plainRefresh, `"a"`)}, []string{"a"}},
		{"equals signs", []string{pairs(plainRefresh, "a=b==")}, []string{"a=b=="}},
		{"percent signs are literal", []string{pairs(plainRefresh, "%20a%3B")}, []string{"%20a%3B"}},
		{"spaces around", []string{"  " + plainRefresh + " =a  ;theme=dark"}, []string{"a"}},
		{"name in another case", []string{pairs("Crossmint-Refresh-Token", "a")}, nil},
		{"empty", []string{pairs(plainRefresh, "")}, nil},
		{"empty in quotes", []string{pairs(plainRefresh, `""`)}, nil},
		{"no equals sign", []string{plainRefresh}, nil},
		{"an empty one does not hide the next", []string{pairs(plainRefresh, "", plainRefresh, "a")}, []string{"a"}},
		{"control byte", []string{pairs(plainRefresh, "LI\x01VE")}, nil},
		{"tab inside", []string{pairs(plainRefresh, "LI\tVE")}, nil},
		{"backslash", []string{pairs(plainRefresh, `LI\VE`)}, nil},
		{"quote inside", []string{pairs(plainRefresh, `LI"VE`)}, nil},
		{"not ASCII", []string{pairs(plainRefresh, "LIVÉ")}, nil},
		{"DEL", []string{pairs(plainRefresh, "LIVE\x7f")}, nil},
		{"a dropped one does not hide the next", []string{pairs(plainRefresh, `x\`, plainRefresh, "a")}, []string{"a"}},
		{"above 2 KiB", []string{pairs(plainRefresh, strings.Repeat("a", 2049))}, nil},
		{"name with something after", []string{pairs(plainRefresh+"2", "a", scopedRefresh+"2", "b")}, nil},
		{"name with something before", []string{pairs("x"+plainRefresh, "a")}, nil},
		{"another project's name", []string{pairs(plainRefresh+"-dfb06708-a46f-4615-bd34-f614ae284e7b", "a")}, nil},
		{"more cookies than net/http takes", []string{strings.Repeat("a=b;", cookie.MaxCookies) + pairs(plainRefresh, "a")}, nil},
		{"a header of 100 KB", []string{"big=" + strings.Repeat("x", 100_000) + "; " + pairs(plainRefresh, "a")}, []string{"a"}},
	}
	k := newKit(t, crossminttest.Config{})
	codec := newCodec(t, cookie.Config{})
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Refusals are remembered: each row has tokens of its own.
			suffix := fmt.Sprintf("-%d", i)
			var lines, want []string
			for _, line := range test.lines {
				lines = append(lines, unique(line, suffix))
			}
			for _, token := range test.want {
				want = append(want, `{"refresh":"`+token+suffix+`"}`)
			}
			before := len(k.asked.all())
			material := codec.Read(request(lines...))
			if _, err := k.sessions.Authenticate(t.Context(), material); err == nil {
				t.Error("there is a session")
			}
			if diff := cmp.Diff(want, k.asked.all()[before:]); diff != "" && len(want)+len(k.asked.all())-before > 0 {
				t.Errorf("upstream was asked about (-want +got):\n%s", diff)
			}
			if test.want == nil && !codec.Read(request(pairs("theme", "dark"))).IsZero() {
				t.Error("material without cookies")
			}
		})
	}
}

// unique gives the refresh tokens of a Cookie line, not their names, a suffix.
func unique(line, suffix string) string {
	parts := strings.Split(line, ";")
	for i, part := range parts {
		name, value, found := strings.Cut(part, "=")
		bare := strings.Trim(strings.TrimSpace(value), `"`)
		if found && bare != "" && strings.Contains(strings.ToLower(name), "refresh") {
			parts[i] = name + "=" + strings.Replace(value, bare, bare+suffix, 1)
		}
	}
	return strings.Join(parts, ";")
}

func TestReadPairs(t *testing.T) {
	k := newKit(t, crossminttest.Config{})
	ann := k.fake.NewUser("ann@example.com")
	live, expired := k.fake.JWT(ann), k.fake.ExpiredJWT(ann)
	tests := []struct {
		name string
		line string
		want string // the refresh token beside the JWT that counts
	}{
		{"documented", pairs(documentedJWT, live, plainRefresh, "a"), "a"},
		{"unscoped", pairs(unscopedJWT, live, plainRefresh, "a"), "a"},
		{"scoped", pairs(scopedJWT, live, scopedRefresh, "a"), "a"},
		{"quoted", pairs(documentedJWT, `"`+live+`"`, plainRefresh, "a"), "a"},
		{"the stale pair first", pairs(documentedJWT, expired, plainRefresh, "a", documentedJWT, live, plainRefresh, "b"), "b"},
		{"the live pair first", pairs(documentedJWT, live, plainRefresh, "a", documentedJWT, expired, plainRefresh, "b"), "a"},
		{"stale configured, live scoped", pairs(documentedJWT, expired, plainRefresh, "a", scopedJWT, live, scopedRefresh, "b"), "b"},
		{"live configured, stale scoped", pairs(documentedJWT, live, plainRefresh, "a", scopedJWT, expired, scopedRefresh, "b"), "a"},
		{"two JWTs beside one refresh token", pairs(documentedJWT, expired, unscopedJWT, live, plainRefresh, "a"), "a"},
		{"one name twice, the other once", pairs(documentedJWT, expired, documentedJWT, live, plainRefresh, "a"), "a"},
		{"a live JWT without a refresh token beside a pair", pairs(scopedJWT, live, documentedJWT, live, plainRefresh, "a"), "a"},
	}
	codec := newCodec(t, cookie.Config{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := k.sessions.Authenticate(t.Context(), codec.Read(request(test.line)))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{result.Session.JWT.Reveal(), result.Session.RefreshToken.Secret.Reveal()}
			if diff := cmp.Diff([]string{live, test.want}, got); diff != "" {
				t.Errorf("session (-want +got):\n%s", diff)
			}
		})
	}
	if calls := k.fake.Calls().Refresh; calls != 0 {
		t.Errorf("upstream was asked %d times", calls)
	}
}

// A prefix keeps others from setting a cookie: what they can set instead must
// not outdo it.
func TestPrefixedNamesStandAlone(t *testing.T) {
	names := cookie.Names{JWT: "__Host-jwt", RefreshToken: "__Host-refresh"}
	codec := newCodec(t, cookie.Config{Names: names})
	planted := pairs(documentedJWT, "planted", plainRefresh, "planted")
	k := newKit(t, crossminttest.Config{})
	for line, want := range map[string]string{
		planted + "; __Host-jwt=own; __Host-refresh=own": `{"refresh":"own"}`,
		planted: `{"refresh":"planted"}`, // who comes from older names stays
	} {
		_, _ = k.sessions.Authenticate(t.Context(), codec.Read(request(line)))
		asked := k.asked.all()
		if got := asked[len(asked)-1]; got != want {
			t.Errorf("%s: upstream is asked %s, want %s", line, got, want)
		}
	}
	if asked := k.asked.all(); len(asked) != 2 {
		t.Errorf("upstream is asked %q", asked)
	}
}

// Eight bytes are looked at together: each must count wherever it stands.
func TestEveryByteCountsEverywhere(t *testing.T) {
	for length := 1; length <= 17; length++ {
		for at := range length {
			for b := range 256 {
				value := []byte(strings.Repeat("x", length))
				value[at] = byte(b)
				want := b >= 0x20 && b < 0x7f && b != '"' && b != '\\'
				if got := cookie.Plain(string(value)); got != want {
					t.Fatalf("byte %#x at %d of %d: %v, want %v", b, at, length, got, want)
				}
			}
		}
	}
}
