package deployment_test

import (
	"net/http"
	"time"

	"github.com/jub0bs/cors"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/handlers"
	"github.com/crossmint-go/auth/middleware"
)

// The Go snippets of the document: each is what stands between two comments.

func sameOrigin(k *kit) (*http.Server, error) {
	client, sessions := k.client, k.sessions
	//doc:same-origin
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID()})
	if err != nil {
		return nil, err
	}
	config := handlers.Config{OmitRefreshSecret: true}
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, config))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, config))
	mux.Handle("GET /me", middleware.RequireSession(sessions, cookies, middleware.Config{})(me))
	server := &http.Server{
		Handler:      http.NewCrossOriginProtection().Handler(mux),
		ReadTimeout:  10 * time.Second,
		WriteTimeout: 30 * time.Second,
	}
	//doc:end
	return server, nil
}

func hostPrefix(k *kit) (*cookie.Codec, error) {
	client := k.client
	//doc:host-prefix
	cookies, err := cookie.NewCodec(cookie.Config{
		ProjectID: client.ProjectID(),
		Names:     cookie.Names{JWT: "__Host-session", RefreshToken: "__Host-refresh-token"},
	})
	//doc:end
	return cookies, err
}

func hostRewritten() (handlers.Config, error) {
	//doc:host-rewritten
	protection := http.NewCrossOriginProtection()
	err := protection.AddTrustedOrigin("https://app.example.com")
	config := handlers.Config{OmitRefreshSecret: true, Protection: protection}
	//doc:end
	return config, err
}

func sibling(k *kit) (http.Handler, error) {
	client, sessions := k.client, k.sessions
	//doc:sibling
	cookies, err := cookie.NewCodec(cookie.Config{ProjectID: client.ProjectID(), Domain: "example.com"})
	if err != nil {
		return nil, err
	}
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin("https://www.example.com"); err != nil {
		return nil, err
	}
	share, err := cors.NewMiddleware(cors.Config{
		Origins:        []string{"https://www.example.com"},
		Credentialed:   true,
		Methods:        []string{http.MethodPost},
		RequestHeaders: []string{"Content-Type"},
	})
	if err != nil {
		return nil, err
	}
	config := handlers.Config{OmitRefreshSecret: true, Protection: protection}
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, config))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, config))
	mux.Handle("GET /me", middleware.RequireSession(sessions, cookies, middleware.Config{})(me))
	handler := share.Wrap(protection.Handler(mux))
	//doc:end
	return handler, nil
}

func localhost(k *kit) (*cookie.Codec, error) {
	client, development := k.client, true
	//doc:localhost
	cookies, err := cookie.NewCodec(cookie.Config{
		ProjectID:         client.ProjectID(),
		InsecureAllowHTTP: development,
	})
	//doc:end
	return cookies, err
}

func native(k *kit, cookies *cookie.Codec) http.Handler {
	sessions := k.sessions
	//doc:native
	mux := http.NewServeMux()
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, handlers.Config{}))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, handlers.Config{}))
	mux.Handle("GET /me", middleware.RequireSession(sessions, cookies, middleware.Config{Bearer: true})(me))
	//doc:end
	return mux
}

func withoutRoute(k *kit, cookies *cookie.Codec) http.Handler {
	sessions := k.sessions
	//doc:without-route
	mux := http.NewServeMux()
	mux.Handle("GET /me", middleware.RequireSession(sessions, cookies, middleware.Config{})(me))
	//doc:end
	return mux
}

func noDecision() (handlers.Config, middleware.Config) {
	//doc:health-checks
	routes := handlers.Config{OmitRefreshSecret: true, UnavailableStatus: http.StatusTooManyRequests}
	sessions := middleware.Config{UnavailableStatus: http.StatusTooManyRequests}
	//doc:end
	return routes, sessions
}

func forwardAuth(k *kit, cookies *cookie.Codec) http.Handler {
	sessions, config := k.sessions, handlers.Config{OmitRefreshSecret: true}
	//doc:forward-auth
	mux := http.NewServeMux()
	mux.Handle("/auth", middleware.ForwardAuth(sessions, cookies, "X-User-Id", middleware.Config{}))
	mux.Handle("/refresh", handlers.Refresh(sessions, cookies, config))
	mux.Handle("/logout", handlers.Logout(sessions, cookies, config))
	//doc:end
	return mux
}
