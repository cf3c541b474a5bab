package witness_test

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// setup is the configuration of one scenario, for both sides.
type setup struct {
	apiKey       string
	url          string // upstream's
	appID        string
	extensionID  string
	refreshRoute string
	cookies      attributes
	theme        bool // the page first sets a cookie of its own
	outage       bool // upstream is unavailable during the whole scenario
}

// outageBudget is the refresh budget in an outage. It allows for a second try, after a
// pause of 250 ms at most.
const outageBudget = 2 * time.Second

// budget returns the RefreshBudget of the kit. 0 means the default.
func (s setup) budget() time.Duration {
	if s.outage {
		return outageBudget
	}
	return 0
}

// attributes are the SDK's cookieOptions.
type attributes struct {
	readable  bool // not httpOnly
	insecure  bool // not secure
	sameSite  http.SameSite
	domain    string
	expiresAt time.Time
}

// sameSites are the values of cookieOptions.sameSite.
var sameSites = map[http.SameSite]string{
	http.SameSiteLaxMode: "lax", http.SameSiteStrictMode: "strict", http.SameSiteNoneMode: "none",
}

// forSDK returns s in the format of js/driver.mjs.
func (s setup) forSDK() string {
	options := map[string]any{"httpOnly": !s.cookies.readable, "secure": !s.cookies.insecure}
	if s.cookies.sameSite != 0 {
		options["sameSite"] = sameSites[s.cookies.sameSite]
	}
	if s.cookies.domain != "" {
		options["domain"] = s.cookies.domain
	}
	if !s.cookies.expiresAt.IsZero() {
		options["expiresAt"] = s.cookies.expiresAt
	}
	auth := map[string]any{"cookieOptions": options}
	if s.refreshRoute != "" {
		auth["refreshRoute"] = s.refreshRoute
	}
	text, err := json.Marshal(map[string]any{
		"crossmint": map[string]string{
			"apiKey": s.apiKey, "overrideBaseUrl": s.url, "appId": s.appID, "extensionId": s.extensionID,
		},
		"auth": auth, "theme": s.theme,
	})
	if err != nil {
		panic(err) // strings and times always marshal
	}
	return string(text)
}

func (s setup) client() crossmint.Config {
	return crossmint.Config{
		APIKey: session.NewSecret(s.apiKey), AllowClientKey: true, BaseURL: s.url,
		AppID: s.appID, ExtensionID: s.extensionID, RefreshRoute: s.refreshRoute,
	}
}

// codec returns the codec configuration with the cookie names of the SDK.
func (s setup) codec(projectID string) cookie.Config {
	config := cookie.Config{
		ProjectID: projectID, Names: cookie.Unscoped(),
		ReadableRefreshCookie: s.cookies.readable, InsecureAllowHTTP: s.cookies.insecure,
		SameSite: s.cookies.sameSite, Domain: s.cookies.domain,
	}
	if !s.cookies.expiresAt.IsZero() {
		config.Lifetime = time.Until(s.cookies.expiresAt)
	}
	return config
}
