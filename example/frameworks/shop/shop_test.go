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
// middleware. Neither an upstream nor a signature is needed: what is in the
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

// TestOrdersWithoutASession is for the day on which somebody mounts the
// handler without the middleware.
func TestOrdersWithoutASession(t *testing.T) {
	if code, body := serve(http.HandlerFunc(shop.Orders), httptest.NewRequest("GET", "/orders", nil)); code != 401 {
		t.Errorf("%d %s", code, body)
	}
}

func TestRole(t *testing.T) {
	refunds := shop.RequireRole("support", http.HandlerFunc(shop.Refund))
	tests := []struct {
		name string
		r    *http.Request
		want int
	}{
		{"the role", withSession("POST", "/refunds", map[string]any{"role": "support"}), 202},
		{"another role", withSession("POST", "/refunds", map[string]any{"role": "customer"}), 403},
		{"no role", withSession("POST", "/refunds", map[string]any{}), 403},
		{"a role of the wrong type", withSession("POST", "/refunds", map[string]any{"role": 7}), 403},
		{"no session", httptest.NewRequest("POST", "/refunds", nil), 403},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code, _ := serve(refunds, test.r); code != test.want {
				t.Errorf("%d, want %d", code, test.want)
			}
		})
	}
}
