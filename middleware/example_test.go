package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/crossmint/crossminttest"
	"github.com/crossmint-go/auth/middleware"
	"github.com/crossmint-go/auth/session"
	"github.com/justinas/alice"
)

// wire returns the objects that the examples share. A program uses its API key
// in crossmint.Config instead of the configuration of a fake.
func wire(fake *crossminttest.Server) (*session.Manager, *cookie.Codec) {
	client, err := crossmint.NewClient(fake.Config())
	if err != nil {
		panic(err)
	}
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		panic(err)
	}
	sessions, err := session.NewManager(session.Config{Upstream: client})
	if err != nil {
		panic(err)
	}
	return sessions, cookies
}

// visit makes a request, signed in or not, and prints the response.
func visit(h http.Handler, path string, signedIn *session.Grant) {
	r := httptest.NewRequest("GET", path, nil)
	if signedIn != nil {
		for _, c := range crossminttest.Cookies(*signedIn) {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
}

func ExampleRequireSession() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	mux := http.NewServeMux()
	mux.Handle("/me", alice.New(require).ThenFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "user ", s.UserID)
	}))

	ada := fake.Grant(session.User{ID: "ada"})
	visit(mux, "/me", &ada)
	visit(mux, "/me", nil)
	// Output:
	// 200 user ada
	// 401 {"error":"Unauthorized","message":"No cookies found in request"}
}

func ExampleOptionalSession() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	optional := middleware.OptionalSession(sessions, cookies, middleware.Config{})
	page := optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s, ok := session.FromContext(r.Context()); {
		case ok:
			fmt.Fprint(w, "hello ", s.UserID)
		case errors.Is(session.ErrorFromContext(r.Context()), session.ErrUnavailable):
			fmt.Fprint(w, "hello, please try again later")
		default:
			fmt.Fprint(w, "hello, visitor")
		}
	}))

	ada := fake.Grant(session.User{ID: "ada"})
	visit(page, "/", &ada)
	visit(page, "/", nil)
	// Output:
	// 200 hello ada
	// 200 hello, visitor
}

func ExampleSession() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	getSession := middleware.Session(sessions, cookies, middleware.Config{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := getSession(w, r)
		if err != nil {
			http.Error(w, "please sign in", middleware.StatusOf(err))
			return
		}
		fmt.Fprint(w, "user ", s.UserID)
	})

	ada := fake.Grant(session.User{ID: "ada"})
	visit(h, "/", &ada)
	// Output: 200 user ada
}

func ExampleConfig_errorHandler() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	require := middleware.RequireSession(sessions, cookies, middleware.Config{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			var rejected *session.AuthenticationError
			if errors.As(err, &rejected) {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, "<h1>Please sign in</h1>")
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "<h1>Back in a moment</h1>")
		},
	})

	visit(require(http.NotFoundHandler()), "/", nil)
	// Output: 401 <h1>Please sign in</h1>
}

func ExampleRequireClaim() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	type roles struct {
		Role string `json:"role"`
	}
	require := middleware.RequireSession(sessions, cookies, middleware.Config{})
	support := middleware.RequireClaim(func(c roles) bool { return c.Role == "support" })
	refunds := alice.New(require, support).ThenFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "refunded")
	})

	fake.SetClaims("ada", map[string]any{"role": "support"})
	ada, bob := fake.Grant(session.User{ID: "ada"}), fake.Grant(session.User{ID: "bob"})
	visit(refunds, "/refunds", &ada)
	visit(refunds, "/refunds", &bob)
	visit(refunds, "/refunds", nil)
	// Output:
	// 200 refunded
	// 403 {"error":"Forbidden","message":"Your account has no access to this page"}
	//
	// 401 {"error":"Unauthorized","message":"No cookies found in request"}
}

// Navigations are redirected to the sign-in page. Requests of scripts get 401.
func ExampleConfig_signIn() {
	fake, err := crossminttest.New(crossminttest.Config{})
	if err != nil {
		panic(err)
	}
	defer fake.Close()
	sessions, cookies := wire(fake)

	require := middleware.RequireSession(sessions, cookies, middleware.Config{SignIn: &url.URL{Path: "/signin"}})
	account := require(http.NotFoundHandler())

	for _, mode := range []string{"navigate", "cors"} {
		r := httptest.NewRequest("GET", "/account?tab=orders", nil)
		r.Header.Set("Sec-Fetch-Mode", mode)
		w := httptest.NewRecorder()
		account.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 303 /signin?return_to=%2Faccount%3Ftab%3Dorders
	// 401
}
