package deployment_test

import (
	"flag"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
)

var proxyFolder = flag.String("proxies", "", "folder with the program traefik, and perhaps a newer caddy, to test these too")

// proxy is a program that asks the kit about each request.
type proxy struct {
	name string
	// run starts it and returns its address.
	run func(t *testing.T, kit, application string, c certificate) string
	// signIn returns the redirect to the sign-in page, or "" where there is none.
	signIn func(mode, path string) string
	// signInStatus is the status of this redirect.
	signInStatus int
	// losesDeletions reports that deletions of cookies do not come with it.
	losesDeletions bool
	// kitDown is the status without a response of the kit.
	kitDown int
}

func proxies(t *testing.T) []proxy {
	t.Helper()
	all := []proxy{{
		name: "nginx", run: runNginx, signInStatus: http.StatusSeeOther, kitDown: http.StatusServiceUnavailable,
		signIn: pagesOnly(func(path string) string { return "/signin?return_to=" + path }),
	}, {
		name: "caddy", run: runCaddy, signInStatus: http.StatusSeeOther, kitDown: http.StatusBadGateway,
		signIn: pagesOnly(caddySignIn(t)),
	}}
	if *proxyFolder == "" {
		return all
	}
	return append(all, proxy{
		name: "traefik", run: runTraefik, kitDown: http.StatusInternalServerError,
		signIn: func(_, _ string) string { return "" },
	}, proxy{
		name: "traefik with authSigninURL", run: runTraefikSignIn, signInStatus: http.StatusFound, kitDown: http.StatusInternalServerError,
		signIn: func(_, _ string) string { return "/signin" }, losesDeletions: true,
	})
}

// caddySignIn returns Caddy's redirect. Version 2.6.2 knows no escaped URI, and
// puts an empty string in its place.
func caddySignIn(t *testing.T) func(path string) string {
	t.Helper()
	version, err := exec.Command(find(t, "caddy"), "version").Output()
	fatal(t, err)
	if strings.HasPrefix(strings.TrimPrefix(string(version), "v"), "2.6.") {
		return func(string) string { return "/signin?return_to=" }
	}
	return func(path string) string { return "/signin?return_to=" + url.QueryEscape(path) }
}

// pagesOnly returns a redirect for pages, and none for scripts.
func pagesOnly(redirect func(path string) string) func(mode, path string) string {
	return func(mode, path string) string {
		if mode != "navigate" {
			return ""
		}
		return redirect(path)
	}
}

// unauthenticated returns the response to a request without a session.
func (p proxy) unauthenticated(mode, path string) visit {
	if location := p.signIn(mode, path); location != "" {
		return visit{Status: p.signInStatus, Location: location}
	}
	return visit{Status: http.StatusUnauthorized}
}

func runNginx(t *testing.T, kit, application string, c certificate) string {
	t.Helper()
	text := strings.ReplaceAll(snippet(t, "forward-auth", "nginx"), "http://127.0.0.1:9000", "http://"+application)
	return nginx(t, text, kit, c)
}

// caddyFrame has Caddy listen on one loopback port only.
const caddyFrame = "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"

func runCaddy(t *testing.T, kit, application string, c certificate) string {
	t.Helper()
	return caddy(t, strings.NewReplacer("127.0.0.1:8080", kit, "127.0.0.1:9000", application).Replace(snippet(t, "forward-auth", "caddy")), c)
}

func runTraefik(t *testing.T, kit, application string, c certificate) string {
	t.Helper()
	return traefik(t, kit, application, c, func(config string) string { return config })
}

func runTraefikSignIn(t *testing.T, kit, application string, c certificate) string {
	t.Helper()
	return traefik(t, kit, application, c, func(config string) string {
		line := "        trustForwardHeader: false\n"
		return strings.Replace(config, line, line+"        authSigninURL: /signin\n", 1)
	})
}

func traefik(t *testing.T, kit, application string, c certificate, change func(string) string) string {
	t.Helper()
	address := reserve(t)
	config := strings.NewReplacer(
		"/etc/ssl/app.pem", c.certificate, "/etc/ssl/app.key", c.key, "127.0.0.1:8080", kit, "127.0.0.1:9000", application,
	).Replace(change(snippet(t, "forward-auth", "yaml")))
	file := writeConfig(t, t.TempDir(), "dynamic.yaml", config)
	start(t, c, address, exec.Command(find(t, "traefik"), "--entryPoints.websecure.address="+address, "--entryPoints.websecure.http.aliasHeadersStrategy=delete",
		"--providers.file.filename="+file, "--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"))
	return address
}
