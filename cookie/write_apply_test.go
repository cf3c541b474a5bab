package cookie_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/session"
	"github.com/google/go-cmp/cmp"
)

// browserTokens replaces the words EXPIRED, OLDER and VALID in table rows: two
// expired JWTs and a refresh token of one user.
type browserTokens map[string]string

func (e *env) browserTokens() browserTokens {
	ann := e.fake.NewUser("")
	return browserTokens{
		"EXPIRED": e.fake.ExpiredJWT(ann),
		"OLDER": e.fake.Sign(ann, nil, map[string]any{
			"iat": 1_000_000_000, "exp": 1_000_003_600,
		}),
		"VALID": e.fake.Grant(ann).RefreshToken.Secret.Reveal(),
	}
}

func (b browserTokens) replaceWords(line string) string {
	for word, token := range b {
		line = strings.ReplaceAll(line, word, token)
	}
	return line
}

// nameTokens replaces the tokens of a renewed session with NEWJWT and NEW.
func nameTokens(lines []string, renewed *session.Grant) []string {
	var named []string
	for _, line := range lines {
		line = strings.ReplaceAll(line, renewed.JWT.Reveal(), "NEWJWT")
		named = append(named, strings.ReplaceAll(line, renewed.RefreshToken.Secret.Reveal(), "NEW"))
	}
	return named
}

// former returns the configuration of a site whose earlier version had other names.
func former(names cookie.Names) cookie.Config {
	return cookie.Config{Former: []cookie.Config{{Names: names}}}
}

func TestApplyRenewed(t *testing.T) {
	documented := []string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}
	tests := []struct {
		name   string
		config cookie.Config
		line   string
		want   []string
	}{
		{name: "documented stays documented", line: pairs(documentedJWT, "EXPIRED", plainRefresh, "VALID"), want: documented},
		{name: "refresh token alone", line: pairs(plainRefresh, "VALID"), want: documented},
		{name: "unscoped stays unscoped", line: pairs(unscopedJWT, "EXPIRED", plainRefresh, "VALID"),
			want: []string{"crossmint-jwt=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "scoped stays scoped, readable as the browser client needs it", line: pairs(scopedJWT, "EXPIRED", scopedRefresh, "VALID"),
			want: []string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
		{name: "scoped where scoped names are configured: HttpOnly", config: cookie.Config{Names: cookie.Scoped(project)}, line: pairs(scopedJWT, "EXPIRED", scopedRefresh, "VALID"),
			want: []string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW"}},
		{name: "documented beside other configured names", config: cookie.Config{Names: cookie.Scoped(project)}, line: pairs(documentedJWT, "EXPIRED", plainRefresh, "VALID"), want: documented},
		{name: "readable by configuration", config: cookie.Config{ReadableRefreshCookie: true}, line: pairs(plainRefresh, "VALID"),
			want: []string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW readable"}},
		{name: "a second JWT beside the same token is deleted", line: pairs(documentedJWT, "EXPIRED", unscopedJWT, "OLDER", plainRefresh, "VALID"),
			want: []string{"-crossmint-jwt", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "planted scoped pair beside an HttpOnly one", line: pairs(documentedJWT, "OLDER", plainRefresh, "VALID", scopedJWT, "EXPIRED", scopedRefresh, "planted"),
			want: documented},
		{name: "planted scoped refresh token alone", line: pairs(plainRefresh, "VALID", scopedRefresh, "planted2"), want: documented},
		{name: "planted scoped JWT alone", line: pairs(plainRefresh, "VALID", scopedJWT, "EXPIRED"), want: documented},
		{name: "planted refresh token where scoped names are configured", config: cookie.Config{Names: cookie.Scoped(project)},
			line: pairs(documentedJWT, "OLDER", plainRefresh, "VALID", scopedJWT, "EXPIRED", scopedRefresh, "planted3"), want: documented},
		{name: "a second JWT beside another token is deleted", config: cookie.Config{Names: cookie.Scoped(project)},
			line: pairs(scopedJWT, "EXPIRED", scopedRefresh, "VALID", documentedJWT, "OLDER", unscopedJWT, "OLDER", plainRefresh, "other4"),
			want: []string{"-" + documentedJWT, scopedJWT + "=NEWJWT", scopedRefresh + "=NEW"}},
		{name: "former names move to the configured ones", config: former(cookie.Names{JWT: "j", RefreshToken: "r"}), line: pairs("j", "EXPIRED", "r", "VALID"),
			want: []string{"-j", "-r", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "former names beside the configured ones are deleted", config: former(cookie.Names{JWT: "j", RefreshToken: "r"}), line: pairs(documentedJWT, "EXPIRED", plainRefresh, "VALID", "j", "OLDER", "r", "older"),
			want: []string{"-j", "-r", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "former names beside those of another client are deleted", config: former(cookie.Names{JWT: "j", RefreshToken: "r"}), line: pairs(scopedJWT, "EXPIRED", scopedRefresh, "VALID", "j", "OLDER", "r", "older2"),
			want: []string{"-j", "-r", scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
		{name: "former JWT name with the configured refresh cookie", config: former(cookie.Names{JWT: "j", RefreshToken: plainRefresh}), line: pairs("j", "EXPIRED", plainRefresh, "VALID"),
			want: []string{"-crossmint-refresh-token", "-j", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "the configured pair stays although a former one has its refresh cookie", config: former(cookie.Unscoped()), line: pairs(documentedJWT, "OLDER", plainRefresh, "other5", scopedJWT, "EXPIRED", scopedRefresh, "VALID"),
			want: []string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
		{name: "a JWT beside a former refresh cookie is deleted", config: cookie.Config{Names: cookie.Names{JWT: "__Host-j", RefreshToken: "__Host-r"}, Former: []cookie.Config{{}}},
			line: pairs(documentedJWT, "EXPIRED", unscopedJWT, "OLDER", plainRefresh, "VALID"),
			want: []string{"-" + documentedJWT, "-" + plainRefresh, "-" + unscopedJWT, "__Host-j=NEWJWT", "__Host-r=NEW"}},
		{name: "a refused pair first stays: it may be refused again later", line: pairs(documentedJWT, "EXPIRED", plainRefresh, "rejected", scopedJWT, "OLDER", scopedRefresh, "VALID"),
			want: []string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{})
			w := httptest.NewRecorder()
			presented := newCodec(t, test.config).Read(request(e.browserTokens().replaceWords(test.line)))
			result, err := e.sessions.Authenticate(t.Context(), presented.Material)
			if err := presented.Apply(w, result, err); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, nameTokens(setCookies(t, w), result.Renewed.Grant)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyBodyToken(t *testing.T) {
	tests := []struct {
		name string
		line string
		want []string
	}{
		{name: "no cookies", line: "theme=dark", want: []string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "other cookies are deleted", line: pairs(unscopedJWT, "EXPIRED", plainRefresh, "other", scopedJWT, "OLDER", scopedRefresh, "other2"),
			want: []string{"-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{name: "the token of the scoped cookie", line: pairs(scopedJWT, "EXPIRED", scopedRefresh, "VALID"),
			want: []string{"-" + scopedJWT, "-" + scopedRefresh, "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, crossminttest.Config{})
			tokens, w := e.browserTokens(), httptest.NewRecorder()
			presented := newCodec(t, cookie.Config{}).Read(request(tokens.replaceWords(test.line)))
			result, err := e.sessions.Refresh(t.Context(), presented.Material, session.NewSecret(tokens["VALID"]))
			if result.Renewed == nil || result.Renewed.Used != (session.Pair{}) {
				t.Fatalf("renewal: %+v, want one that used no presented pair", result.Renewed)
			}
			if err := presented.Apply(w, result, err); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, nameTokens(setCookies(t, w), result.Renewed.Grant)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyErrors(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want []string
	}{
		{name: "final refusal", err: &session.AuthenticationError{Clear: true}, want: []string{"-crossmint-session", "-crossmint-refresh-token", "-crossmint-jwt"}},
		{name: "not authenticated", err: &session.AuthenticationError{}},
		{name: "unavailable", err: &session.UpstreamError{}},
		{name: "malformed", err: &session.UpstreamError{Kind: session.ErrMalformed}},
		{name: "unknown", err: errors.New("?")},
		{name: "no error, nothing renewed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Add("Set-Cookie", "theme=dark")
			presented := newCodec(t, cookie.Config{}).Read(request(pairs(unscopedJWT, "j", plainRefresh, "r")))
			if err := presented.Apply(w, session.Result{}, test.err); !errors.Is(err, test.err) {
				t.Errorf("error: %v", err)
			}
			w.Header()["Set-Cookie"] = w.Header()["Set-Cookie"][1:] // the application's own cookie is still the first
			if diff := cmp.Diff(test.want, setCookies(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyInvalidTokenIsUnavailable(t *testing.T) {
	for _, test := range invalidTokens {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			renewed := session.Result{Session: &session.AuthSession{}, Renewed: &session.Renewal{Grant: grant(test.jwt, test.refresh)}}
			presented := newCodec(t, cookie.Config{}).Read(request(pairs(plainRefresh, "r")))
			err := presented.Apply(w, renewed, nil)
			if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, session.ErrMalformed) {
				t.Errorf("error: %v", err)
			}
			ctx := renewed.NewContext(t.Context(), err)
			if _, ok := session.FromContext(ctx); ok {
				t.Error("there is a session")
			}
			if !errors.Is(session.ErrorFromContext(ctx), session.ErrUnavailable) {
				t.Errorf("error of the context: %v", session.ErrorFromContext(ctx))
			}
			if len(w.Header()) > 0 {
				t.Errorf("headers: %v", w.Header())
			}
		})
	}
}
