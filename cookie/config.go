package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Names are the names of the two cookies of a session.
type Names struct{ JWT, RefreshToken string }

// documented returns the names of the documentation.
func documented() Names { return Names{"crossmint-session", unscopedRefresh} }

// Unscoped returns the names of the server SDK up to 1.2.78 and of the
// browser client up to 1.3.3.
func Unscoped() Names { return Names{"crossmint-jwt", unscopedRefresh} }

// Scoped returns the names that newer SDKs use, which hold the project ID.
// The browser client from 1.3.4 on reads and writes them itself where it has
// no refresh route.
//
// A site whose own server has written such a pair HttpOnly must set
// Config.Names to them. A server cannot see that attribute in a request, and
// with any other configuration it takes the pair for the browser client's and
// renews it readable by scripts.
func Scoped(projectID string) Names {
	return Names{"crossmint-jwt-" + projectID, unscopedRefresh + "-" + projectID}
}

const unscopedRefresh = "crossmint-refresh-token"

// Config configures a [Codec]. Only ProjectID is required; the zero value of
// every other field is the safe choice. ReadableRefreshCookie and
// InsecureAllowHTTP turn a protection off, as their names say.
type Config struct {
	// ProjectID is the ID of the project, see crossmint.Client.ProjectID.
	ProjectID string
	// Names are the names under which new sessions are written. The zero
	// value means those of the documentation, crossmint-session and
	// crossmint-refresh-token. The other known names are read as well.
	Names Names

	// OnlyConfiguredNames reads no other names than Names and those of Former.
	// It is for hosts with several projects.
	OnlyConfiguredNames bool
	// Former are configurations that an earlier version of the program has
	// used. Their Names, Domain, Path and Partitioned count: cookies with them
	// are still read, and deleted when a session is renewed or ends. A renewed
	// session moves to Names.
	Former []Config

	// ReadableRefreshCookie lets scripts read the refresh cookie (no
	// HttpOnly). Then any script that gets into a page can steal the session.
	ReadableRefreshCookie bool
	// InsecureAllowHTTP drops the attribute Secure: for plain http on
	// localhost, where Safari and older clients refuse Secure cookies.
	InsecureAllowHTTP bool

	// SameSite is the attribute of that name. 0 means Lax. With Strict, a link on
	// another site, or in an e-mail that is read there, opens a page without the
	// cookies: users seem to be signed out until they open the next page.
	SameSite http.SameSite
	// Domain is the attribute of that name. Empty means that only the host
	// itself gets the cookies, which is the safe choice.
	Domain string
	// Path is the attribute of that name. Empty means "/".
	Path string
	// Partitioned is the attribute of that name (CHIPS): one cookie jar for
	// each site that embeds the page.
	Partitioned bool
	// Lifetime is the lifetime of both cookies, the documented expiresAt. 0
	// means that of the refresh token. Browsers limit it to 400 days.
	Lifetime time.Duration
	// SessionCookies leaves Expires and Max-Age out, so that browsers delete the
	// cookies when they end. It excludes Lifetime.
	SessionCookies bool
}

// maxFormer bounds Config.Former: each entry adds lines to the responses that
// delete cookies.
const maxFormer = 8

// maxLifetime is the longest lifetime that browsers accept (RFC 6265bis §5.5).
const maxLifetime = 400 * 24 * time.Hour

// check sets defaults and reports all faults.
func (c *Config) check() error {
	if c.Names == (Names{}) {
		c.Names = documented()
	}
	if c.SameSite == 0 || c.SameSite == http.SameSiteDefaultMode {
		c.SameSite = http.SameSiteLaxMode
	}
	if c.Path == "" {
		c.Path = "/"
	}
	c.Domain = strings.TrimPrefix(c.Domain, ".")
	return errors.Join(c.checkAttributes(), c.checkNames(), c.checkFormer())
}

// checkFormer sets the defaults of Former and checks its names.
func (c *Config) checkFormer() error {
	if len(c.Former) > maxFormer {
		return fmt.Errorf("cookie: Former has more than %d entries", maxFormer)
	}
	c.Former = slices.Clone(c.Former)
	var errs []error
	for i := range c.Former {
		f := &c.Former[i]
		if f.Names == (Names{}) {
			f.Names = documented()
		}
		if f.Path == "" {
			f.Path = "/"
		}
		f.Domain = strings.TrimPrefix(f.Domain, ".")
		for _, name := range []string{f.Names.JWT, f.Names.RefreshToken} {
			sample := http.Cookie{Name: name, Value: "x", Domain: f.Domain, Path: f.Path, Secure: true, Partitioned: f.Partitioned}
			if err := sample.Valid(); err != nil {
				errs = append(errs, fmt.Errorf("cookie: Former[%d]: %w", i, err))
			}
		}
		if f.Names.JWT == f.Names.RefreshToken || f.Names.JWT == c.Names.RefreshToken || f.Names.RefreshToken == c.Names.JWT {
			errs = append(errs, fmt.Errorf("cookie: Former[%d]: a JWT and a refresh token may not share a name", i))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) checkAttributes() error {
	faults := []struct {
		is   bool
		text string
	}{
		{c.ProjectID == "", "ProjectID is required"},
		{c.SameSite < 0 || c.SameSite > http.SameSiteNoneMode, "unknown SameSite"}, // net/http would leave the attribute out
		{c.SameSite == http.SameSiteNoneMode && c.InsecureAllowHTTP, "SameSite None requires Secure"},
		{c.Partitioned && c.InsecureAllowHTTP, "Partitioned requires Secure"},
		{c.Lifetime < 0 || c.Lifetime > maxLifetime, "Lifetime must be between 0 and 400 days"},
		{c.SessionCookies && c.Lifetime != 0, "SessionCookies excludes Lifetime"},
		{!strings.HasPrefix(c.Path, "/"), "Path must begin with a slash"},
	}
	var errs []error
	for _, fault := range faults {
		if fault.is {
			errs = append(errs, errors.New("cookie: "+fault.text))
		}
	}
	return errors.Join(errs...)
}

// checkNames checks the names against each other and against the other known
// names, which are read as well.
func (c *Config) checkNames() error {
	errs := []error{c.checkName(c.Names.JWT), c.checkName(c.Names.RefreshToken)}
	if c.Names.JWT == c.Names.RefreshToken {
		errs = append(errs, errors.New("cookie: the two names must differ"))
	}
	if c.Names.JWT == c.Names.RefreshToken+markerSuffix {
		errs = append(errs, fmt.Errorf("cookie: %s is the name of the marker of refusals", c.Names.JWT))
	}
	scoped := Scoped(c.ProjectID)
	for _, name := range []string{scoped.JWT, scoped.RefreshToken} {
		if (&http.Cookie{Name: name}).Valid() != nil {
			errs = append(errs, errors.New("cookie: ProjectID cannot be a part of a cookie's name"))
			break
		}
	}
	shared := func(name string, with func(Names) string) {
		if slices.ContainsFunc(otherNames(c.ProjectID), func(other Names) bool { return with(other) == name }) {
			errs = append(errs, errors.New("cookie: a JWT and a refresh token may not share the name "+name))
		}
	}
	shared(c.Names.JWT, func(n Names) string { return n.RefreshToken })
	shared(c.Names.RefreshToken, func(n Names) string { return n.JWT })
	return errors.Join(errs...)
}

// checkName checks one name together with the attributes that go with it
// (RFC 6265bis §4.1.3 for the prefixes; its later drafts for __Http-).
func (c *Config) checkName(name string) error {
	sample := http.Cookie{Name: name, Value: "x", Domain: c.Domain, Path: c.Path, Secure: !c.InsecureAllowHTTP, Partitioned: c.Partitioned}
	if err := sample.Valid(); err != nil {
		return fmt.Errorf("cookie: %w", err)
	}
	host := hasPrefixFold(name, "__Host-")
	switch {
	case hasPrefixFold(name, "__Http-") || hasPrefixFold(name, "__Host-Http-"):
		return fmt.Errorf("cookie: the prefix of %s requires HttpOnly, but scripts have to read the JWT cookie", name)
	case hasPrefix(name) && c.InsecureAllowHTTP:
		return fmt.Errorf("cookie: the prefix of %s requires Secure", name)
	case host && c.Domain != "":
		return fmt.Errorf("cookie: the prefix of %s forbids a Domain", name)
	case host && c.Path != "/":
		return fmt.Errorf("cookie: the prefix of %s requires the Path /", name)
	}
	return nil
}

func hasPrefix(name string) bool {
	return hasPrefixFold(name, "__Host-") || hasPrefixFold(name, "__Secure-")
}

// hasPrefixFold ignores case, as browsers do.
func hasPrefixFold(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// otherNames returns the known names in the order in which they are read after
// the configured ones.
func otherNames(projectID string) []Names {
	return []Names{Scoped(projectID), Unscoped(), documented()}
}
