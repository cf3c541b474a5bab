// Package compare is one protected request without a network, for measuring two
// versions of this module in one process: see "make compare". It uses only what older
// versions have, too.
package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/crossmint-go/auth/session/event"
)

// NewRequest returns a function that sends one request through RequireSession to a
// handler that writes the user ID. With renews, the JWT of each request has expired,
// and upstream is a transport that responds at once. The function is not safe for
// concurrent use.
func NewRequest(renews bool) (send func(), err error) {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		return nil, err
	}
	defer fake.Close()
	user := fake.NewUser("ada@example.com")
	upstream := &refresher{next: http.DefaultTransport, jwt: fake.Grant(user).JWT.Reveal(), user: user.ID}
	config := fake.Config()
	config.HTTPClient = &http.Client{Transport: upstream}
	client, err := crossmint.NewClient(config)
	if err != nil {
		return nil, err
	}
	sessions, err := session.NewManager(session.Config{Upstream: client, OnEvent: func(context.Context, event.Event) {}})
	if err != nil {
		return nil, err
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		return nil, err
	}
	handler := middleware.RequireSession(sessions, cookies, middleware.Config{})(http.HandlerFunc(writeUserID))
	grant := fake.Grant(user)
	if renews {
		grant = fake.ExpiredGrant(user)
	}
	send, err = sender(handler, grant, renews)
	if err != nil {
		return nil, err
	}
	upstream.next = nil // the keys are known now
	return send, nil
}

// sender returns the function that sends the request, after one that has to succeed.
func sender(handler http.Handler, grant session.Grant, renews bool) (func(), error) {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/", nil)
	jwt, token := grant.JWT.Reveal(), grant.RefreshToken.Secret.Reveal()
	setCookie := func(token string) {
		r.Header["Cookie"] = []string{"crossmint-session=" + jwt + "; crossmint-refresh-token=" + token}
	}
	setCookie(token)
	first := httptest.NewRecorder()
	handler.ServeHTTP(first, r)
	if renewed := len(first.Header()["Set-Cookie"]) > 0; first.Code != http.StatusOK || renewed != renews {
		return nil, fmt.Errorf("compare: the first request got status %d, renewed: %t", first.Code, renewed)
	}
	w, i := &discard{header: http.Header{}}, 0
	return func() {
		clear(w.header)
		if renews {
			i++
			setCookie(token + strconv.Itoa(i))
		}
		handler.ServeHTTP(w, r)
	}, nil
}

func writeUserID(w http.ResponseWriter, r *http.Request) {
	user, _ := session.FromContext(r.Context())
	_, _ = io.WriteString(w, user.UserID)
}

// refresher responds to each refresh with the same JWT and with a new token. Other
// requests go to next.
type refresher struct {
	next      http.RoundTripper
	jwt, user string
	refreshes int
}

func (t *refresher) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/refresh") {
		return t.next.RoundTrip(r)
	}
	t.refreshes++
	body, err := json.Marshal(map[string]any{
		"jwt": t.jwt, "user": map[string]string{"id": t.user},
		"refresh": map[string]string{"secret": "token-" + strconv.Itoa(t.refreshes), "expiresAt": "2100-01-01T00:00:00.000Z"},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(string(body))), Request: r,
	}, nil
}

// discard is a ResponseWriter that drops the response.
type discard struct{ header http.Header }

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) Write(b []byte) (int, error) { return len(b), nil }
func (w *discard) WriteHeader(int)             {}
