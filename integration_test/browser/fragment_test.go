package browser_test

import (
	"crypto/rand"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"testing"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/internal/testkit"
	"github.com/crossmint-go/auth/middleware"
)

// appendFragment is the script of docs/deployments.md for the sign-in page.
const appendFragment = `<script>document.querySelector("[name=return_to]").value += location.hash</script>`

// TestFragmentSurvivesSignIn opens a protected page whose address has a fragment, signs in
// with the forms, and returns to that address.
func TestFragmentSurvivesSignIn(t *testing.T) {
	k := testkit.New(t, testkit.Config{})
	cookies := testkit.Must(cookie.NewCodec(cookie.Config{ProjectID: k.Client.ProjectID()}))
	signIn := handlers.NewSignIn(k.Client, k.Manager, cookies, handlers.SignInConfig{
		EmailPage: &url.URL{Path: "/signin"}, CodePage: &url.URL{Path: "/code"},
	})
	form := func(action, field, script string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			writeHTML(w, fmt.Sprintf(`<form method="post" action="%s"><input name="%s"><input type="hidden" name="return_to" value="%s"><button>Go</button></form>%s`,
				action, field, html.EscapeString(r.FormValue("return_to")), script))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signin", form("/send", "email", appendFragment))
	mux.HandleFunc("GET /code", form("/confirm", "code", ""))
	mux.HandleFunc("/send", signIn.SendCode)
	mux.HandleFunc("/confirm", signIn.ConfirmCode)
	require := middleware.RequireSession(k.Manager, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}})
	mux.Handle("GET /app", require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeHTML(w, "app") })))
	site := serve(t, true, mux)
	eachBrowser(t, func(t *testing.T, p page) {
		address := rand.Text() + "@example.com"
		submit := func(field, value string) {
			p.run(fmt.Sprintf(`document.querySelector("[name=%s]").value = %q, document.querySelector("button").click(), ""`, field, value))
		}
		p.open(site + "/app?a=1#/orders/1")
		await(t, "the first form", "/signin", func() string { return location(p) })
		submit("email", address)
		await(t, "the second form", "/code", func() string { return location(p) })
		submit("code", k.Fake.Code(address))
		await(t, "the page", "/app?a=1#/orders/1", func() string {
			return p.run(`document.readyState !== "complete" ? "" : location.pathname + location.search + location.hash`)
		})
	})
}
