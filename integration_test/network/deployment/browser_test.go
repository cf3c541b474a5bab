package deployment_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// internet says where the hosts of these tests are: "app.example.com:443" at
// an address of this machine. Nothing else is reachable.
type internet map[string]string

func (i internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if there, ok := i[address]; ok {
		return new(net.Dialer).DialContext(ctx, network, there)
	}
	return nil, &net.AddrError{Err: "no such host", Addr: address}
}

// browser is a cookie jar, and the rules of browsers about origins.
type browser struct {
	client *http.Client
	// old browsers send no Fetch metadata (Safari before 16.4).
	old bool
	set []*http.Cookie // by the last response
}

func newBrowser(t *testing.T, hosts internet, roots *x509.CertPool) *browser {
	t.Helper()
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	fatal(t, err)
	transport := &http.Transport{DialContext: hosts.dial, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{client: &http.Client{Jar: safari{jar}, Transport: transport}}
}

// safari is a jar that takes Secure cookies from https alone. Other browsers,
// and the jars of some versions of Go, make an exception for localhost.
type safari struct{ http.CookieJar }

func (s safari) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if u.Scheme != "https" {
		cookies = slices.DeleteFunc(slices.Clone(cookies), func(c *http.Cookie) bool { return c.Secure })
	}
	s.CookieJar.SetCookies(u, cookies)
}

// seen is the part of a response that a script can read: none, if it is blocked.
type seen struct {
	Status  int
	Body    string
	Blocked bool
}

// fetch does what a script of the page does with fetch(target, {method, body,
// credentials: "include"}). A body is JSON.
func (b *browser) fetch(t *testing.T, page, method, target, body string) seen {
	t.Helper()
	cross := origin(t, page) != origin(t, target)
	if cross && (body != "" || method != http.MethodGet && method != http.MethodPost) && !b.preflight(t, page, method, target, body) {
		return seen{Blocked: true}
	}
	r := b.request(t, page, method, target, body)
	res, text := b.do(t, b.client, r)
	b.set = res.Cookies()
	if cross && !shared(t, res, page) {
		return seen{Blocked: true}
	}
	return seen{Status: res.StatusCode, Body: text}
}

// request adds what scripts cannot change.
func (b *browser) request(t *testing.T, page, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	fatal(t, err)
	if method != http.MethodGet || origin(t, page) != origin(t, target) {
		r.Header.Set("Origin", origin(t, page))
	}
	if !b.old {
		r.Header.Set("Sec-Fetch-Site", relation(t, page, target))
		r.Header.Set("Sec-Fetch-Mode", "cors")
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// preflight asks whether the script may send the request (Fetch, CORS
// protocol). It carries no cookies.
func (b *browser) preflight(t *testing.T, page, method, target, body string) bool {
	t.Helper()
	r := b.request(t, page, http.MethodOptions, target, "")
	r.Header.Set("Access-Control-Request-Method", method)
	if body != "" {
		r.Header.Set("Access-Control-Request-Headers", "content-type")
	}
	res, _ := b.do(t, &http.Client{Transport: b.client.Transport}, r)
	headers := strings.ToLower(res.Header.Get("Access-Control-Allow-Headers"))
	return res.StatusCode < 300 && shared(t, res, page) && (body == "" || strings.Contains(headers, "content-type"))
}

func (b *browser) do(t *testing.T, client *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := client.Do(r)
	fatal(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	fatal(t, err)
	return res, string(text)
}

// roundTrip sends a request without a body and returns the status and header of the
// response. A connection that ends without a response counts as status 0. Unlike do it
// may be called by any goroutine.
func roundTrip(t *testing.T, client *http.Client, method, path string, header map[string]string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, app+path, nil)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, nil
	}
	return res.StatusCode, res.Header
}

// shared reports whether a script of the page may read the response.
func shared(t *testing.T, res *http.Response, page string) bool {
	t.Helper()
	return res.Header.Get("Access-Control-Allow-Origin") == origin(t, page) && res.Header.Get("Access-Control-Allow-Credentials") == "true"
}

// cookies returns those that the browser sends to target, by name.
func (b *browser) cookies(t *testing.T, target string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, c := range b.client.Jar.Cookies(parse(t, target)) {
		values[c.Name] = c.Value
	}
	return values
}

// relation is the value of Sec-Fetch-Site.
func relation(t *testing.T, page, target string) string {
	t.Helper()
	from, to := parse(t, page), parse(t, target)
	switch {
	case origin(t, page) == origin(t, target):
		return "same-origin"
	case from.Scheme == to.Scheme && site(from.Hostname()) == site(to.Hostname()):
		return "same-site"
	default:
		return "cross-site"
	}
}

func site(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host // localhost
}

func origin(t *testing.T, address string) string {
	t.Helper()
	u := parse(t, address)
	return u.Scheme + "://" + u.Host
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	fatal(t, err)
	return u
}
