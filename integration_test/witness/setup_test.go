package witness_test

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/crossmint-go/auth/cookie"
	"github.com/crossmint-go/auth/crossmint"
	"github.com/crossmint-go/auth/session"
)

// setup is the configuration of one scenario, in words of neither side.
type setup struct {
	apiKey       string
	url          string // upstream's
	appID        string
	extensionID  string
	refreshRoute string
	cookies      attributes
	theme        bool // the page sets a cookie of its own first
	outage       bool // upstream stays unavailable throughout
}

// outageBudget is how long /refresh tries where it will be in vain: long
// enough for a second try, after a pause of 250 ms at the most.
const outageBudget = 2 * time.Second

// budget is the kit's RefreshBudget; 0 means its default.
func (s setup) budget() time.Duration {
	if s.outage {
		return outageBudget
	}
	return 0
}

// attributes are the SDK's cookieOptions.
type attributes struct {
	readable  bool // by scripts: the opposite of httpOnly
	insecure  bool // the opposite of secure
	sameSite  http.SameSite
	domain    string
	expiresAt time.Time
}

// sameSites are the values of cookieOptions.sameSite.
var sameSites = map[http.SameSite]string{
	http.SameSiteLaxMode: "lax", http.SameSiteStrictMode: "strict", http.SameSiteNoneMode: "none",
}

// forSDK returns s as js/driver.mjs reads it.
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
		panic(err) // texts and times always marshal
	}
	return string(text)
}

func (s setup) client() crossmint.Config {
	return crossmint.Config{
		APIKey: session.NewSecret(s.apiKey), AllowClientKey: true, BaseURL: s.url,
		AppID: s.appID, ExtensionID: s.extensionID, RefreshRoute: s.refreshRoute,
	}
}

// codec is the kit's configuration in the cookie preset of the SDK's version.
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
