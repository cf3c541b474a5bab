package cookie_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/crossmint-go/auth/cookie"
)

// handling is a struct of a program that holds the cookies of a request.
type handling struct{ presented *cookie.Presented }

// No way to print, log or marshal the cookies of a request shows its tokens. Five
// pairs are more than Presented holds without a slice.
func TestTokensAreNotPrinted(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := range 5 {
		r.AddCookie(&http.Cookie{Name: documentedJWT, Value: fmt.Sprint("a-jwt-", i)})
		r.AddCookie(&http.Cookie{Name: plainRefresh, Value: fmt.Sprint("a-token-", i)})
	}
	presented := newCodec(t, cookie.Config{}).Read(r)
	values := map[string]any{
		"*Presented": presented, "its value": *presented,
		"a program's struct": handling{presented}, "a pointer to it": &handling{presented},
	}
	for name, value := range values {
		forms := map[string]string{}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			forms[verb] = fmt.Sprintf(verb, value)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Info("x", "value", value)
		}
		forms["JSON"], forms["a log"] = string(text), log.String()
		for form, text := range forms {
			for _, token := range []string{"a-jwt-", "a-token-"} {
				if strings.Contains(text, token) || strings.Contains(text, fmt.Sprintf("%x", token)) {
					t.Errorf("%s shows %s… as %s", name, token, form)
				}
			}
		}
	}
}
