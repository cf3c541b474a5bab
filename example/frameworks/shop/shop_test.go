package shop_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/example/frameworks/shop"
	"github.com/crossmint-go/auth/session"
)

// withSession returns a request of a user, as it arrives behind the
// middleware. It needs neither an upstream nor a signature: a session in the
// context has been verified.
func withSession(method, path string, claims map[string]any) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	return r.WithContext(session.NewContext(r.Context(), crossminttest.NewSession("ada", claims)))
}

func serve(h http.Handler, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestOrdersOfTheSignedInUser(t *testing.T) {
	code, body := serve(http.HandlerFunc(shop.Orders), withSession("GET", "/orders", nil))
	if diff := cmp.Diff(`{"customer":"ada","orders":["book"]}`+"\n", body); code != 200 || diff != "" {
		t.Errorf("%d (-want +got):\n%s", code, diff)
	}
}

// TestOrdersWithoutASession calls the handler without the middleware in front.
func TestOrdersWithoutASession(t *testing.T) {
	if code, body := serve(http.HandlerFunc(shop.Orders), httptest.NewRequest("GET", "/orders", nil)); code != 401 {
		t.Errorf("%d %s", code, body)
	}
}

func TestRole(t *testing.T) {
	refunds := shop.RequireRole("support")(http.HandlerFunc(shop.Refund))
	tests := []struct {
		name string
		r    *http.Request
		want int
	}{
		{name: "the role", r: withSession("POST", "/refunds", map[string]any{"role": "support"}), want: 202},
		{name: "another role", r: withSession("POST", "/refunds", map[string]any{"role": "customer"}), want: 403},
		{name: "no role", r: withSession("POST", "/refunds", map[string]any{}), want: 403},
		{name: "a role of the wrong type", r: withSession("POST", "/refunds", map[string]any{"role": 7}), want: 403},
		{name: "RequireSession is missing", r: httptest.NewRequest("POST", "/refunds", nil), want: 500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code, _ := serve(refunds, test.r); code != test.want {
				t.Errorf("%d, want %d", code, test.want)
			}
		})
	}
}
