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

// visitor is a browser's state, as rows of tables spell it: the words live,
// expired and others stand for tokens of the kit's.
type visitor struct {
	k     *kit
	words map[string]string
}

func (k *kit) visitor() *visitor {
	ann := k.fake.NewUser("")
	return &visitor{k, map[string]string{
		"EXPIRED": k.fake.ExpiredJWT(ann),
		"OLDER": k.fake.Sign(ann, nil, map[string]any{
			"iat": 1_000_000_000, "exp": 1_000_003_600,
		}),
		"LIVE": k.fake.Grant(ann).RefreshToken.Secret.Reveal(),
	}}
}

// say puts tokens in place of words.
func (v *visitor) say(line string) string {
	for word, token := range v.words {
		line = strings.ReplaceAll(line, word, token)
	}
	return line
}

// tell puts words in place of tokens; NEW and NEWJWT are a renewed session's.
func (v *visitor) tell(lines []string, renewed *session.Grant) []string {
	var told []string
	for _, line := range lines {
		if renewed != nil {
			line = strings.ReplaceAll(line, renewed.JWT.Reveal(), "NEWJWT")
			line = strings.ReplaceAll(line, renewed.RefreshToken.Secret.Reveal(), "NEW")
		}
		told = append(told, line)
	}
	return told
}

func TestApplyRenewed(t *testing.T) {
	documented := []string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}
	tests := []struct {
		name   string
		config cookie.Config
		line   string
		want   []string
	}{
		{"documented stays documented", cookie.Config{}, pairs(documentedJWT, "EXPIRED", plainRefresh, "LIVE"), documented},
		{"refresh token alone", cookie.Config{}, pairs(plainRefresh, "LIVE"), documented},
		{"unscoped stays unscoped", cookie.Config{}, pairs(unscopedJWT, "EXPIRED", plainRefresh, "LIVE"),
			[]string{"crossmint-jwt=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"scoped stays scoped, readable as the browser client needs it", cookie.Config{}, pairs(scopedJWT, "EXPIRED", scopedRefresh, "LIVE"),
			[]string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
		{"scoped and configured is as configured", cookie.Config{Names: cookie.Scoped(project)}, pairs(scopedJWT, "EXPIRED", scopedRefresh, "LIVE"),
			[]string{scopedJWT + "=NEWJWT", scopedRefresh + "=NEW"}},
		{"documented beside other configured names", cookie.Config{Names: cookie.Scoped(project)}, pairs(documentedJWT, "EXPIRED", plainRefresh, "LIVE"), documented},
		{"readable by configuration", cookie.Config{ReadableRefreshCookie: true}, pairs(plainRefresh, "LIVE"),
			[]string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW readable"}},
		{"a second JWT beside the same token is expired", cookie.Config{}, pairs(documentedJWT, "EXPIRED", unscopedJWT, "OLDER", plainRefresh, "LIVE"),
			[]string{"-crossmint-jwt", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"planted scoped pair beside an HttpOnly one", cookie.Config{}, pairs(documentedJWT, "OLDER", plainRefresh, "LIVE", scopedJWT, "EXPIRED", scopedRefresh, "planted"),
			[]string{"-" + scopedJWT, "-" + scopedRefresh, "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"planted scoped refresh token alone", cookie.Config{}, pairs(plainRefresh, "LIVE", scopedRefresh, "planted2"), documented},
		{"planted scoped JWT alone", cookie.Config{}, pairs(plainRefresh, "LIVE", scopedJWT, "EXPIRED"), documented},
		{"planted refresh token where scoped names are configured", cookie.Config{Names: cookie.Scoped(project)},
			pairs(documentedJWT, "OLDER", plainRefresh, "LIVE", scopedJWT, "EXPIRED", scopedRefresh, "planted3"),
			[]string{"-" + scopedJWT, "-" + scopedRefresh, "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"a dead pair first is expired", cookie.Config{}, pairs(documentedJWT, "EXPIRED", plainRefresh, "dead", scopedJWT, "OLDER", scopedRefresh, "LIVE"),
			[]string{"-crossmint-session", "-crossmint-refresh-token", scopedJWT + "=NEWJWT", scopedRefresh + "=NEW readable"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{})
			v, codec := k.visitor(), newCodec(t, test.config)
			r, w := request(v.say(test.line)), httptest.NewRecorder()
			result, err := k.sessions.Authenticate(t.Context(), codec.Read(r))
			result, err = codec.Apply(w, r, result, err)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, v.tell(written(t, w), result.Renewed.Grant)); diff != "" {
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
		{"no cookies", "theme=dark", []string{"crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"others are expired", pairs(unscopedJWT, "EXPIRED", plainRefresh, "other", scopedJWT, "OLDER", scopedRefresh, "other2"),
			[]string{"-" + scopedJWT, "-" + scopedRefresh, "-crossmint-jwt", "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
		{"the scoped cookie's own token", pairs(scopedJWT, "EXPIRED", scopedRefresh, "LIVE"),
			[]string{"-" + scopedJWT, "-" + scopedRefresh, "crossmint-session=NEWJWT", "crossmint-refresh-token=NEW"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, crossminttest.Config{})
			v, codec := k.visitor(), newCodec(t, cookie.Config{})
			r, w := request(v.say(test.line)), httptest.NewRecorder()
			result, err := k.sessions.Refresh(t.Context(), codec.Read(r), session.NewSecret(v.words["LIVE"]))
			if result.Renewed.Source != session.SourceBody {
				t.Errorf("source: %d", result.Renewed.Source)
			}
			result, err = codec.Apply(w, r, result, err)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, v.tell(written(t, w), result.Renewed.Grant)); diff != "" {
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
		{"definite refusal", &session.AuthenticationError{Clear: true}, []string{"-crossmint-session", "-crossmint-refresh-token", "-crossmint-jwt"}},
		{"rejection", &session.AuthenticationError{}, nil},
		{"unavailable", &session.UpstreamError{}, nil},
		{"malformed", &session.UpstreamError{Kind: session.Malformed}, nil},
		{"unknown", errors.New("?"), nil},
		{"none, nothing renewed", nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, w := request(pairs(unscopedJWT, "j", plainRefresh, "r")), httptest.NewRecorder()
			w.Header().Add("Set-Cookie", "theme=dark")
			_, err := newCodec(t, cookie.Config{}).Apply(w, r, session.Result{}, test.err)
			if !errors.Is(err, test.err) {
				t.Errorf("error: %v", err)
			}
			w.Header()["Set-Cookie"] = w.Header()["Set-Cookie"][1:] // the application's own must be the first still
			if diff := cmp.Diff(test.want, written(t, w)); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyUnfitIsUnavailable(t *testing.T) {
	for _, test := range unfit {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			before := session.Result{Session: &session.AuthSession{}, Renewed: &session.Renewal{Grant: grant(test.jwt, test.refresh)}}
			result, err := newCodec(t, cookie.Config{}).Apply(w, request(pairs(plainRefresh, "r")), before, nil)
			if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, session.ErrMalformed) || !errors.Is(err, cookie.ErrUnfit) {
				t.Errorf("error: %v", err)
			}
			ctx := result.NewContext(t.Context())
			if _, ok := session.FromContext(ctx); ok || result.Session != nil || result.Renewed != nil {
				t.Errorf("there is a session: %+v", result)
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
