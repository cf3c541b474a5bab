package deployment_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// front is a proxy of the document in front of two instances.
type front struct {
	name string
	// run starts it and returns its address.
	run func(t *testing.T, text snippetReader, c certificate) string
	// counting replaces the first string by the second: then the proxy counts
	// 503 as a failure of an instance. Varnish cannot.
	counting [2]string
	// removed is the status of the proxy when no instance is left.
	removed int
}

// snippetReader returns a proxy's snippet, with the addresses of the instances.
type snippetReader func(language string) string

func fronts() []front {
	return []front{
		{
			name: "nginx", removed: http.StatusBadGateway,
			run:      func(t *testing.T, text snippetReader, c certificate) string { return nginx(t, text("nginx"), "", c) },
			counting: [2]string{"proxy_next_upstream error timeout;", "proxy_next_upstream error timeout http_503;"},
		},
		{
			name: "HAProxy", run: haproxy, removed: http.StatusServiceUnavailable,
			counting: [2]string{"check observe layer4", "check observe layer7 error-limit 1 on-error mark-down"},
		},
		{
			name: "Apache", run: apache, removed: http.StatusServiceUnavailable,
			counting: [2]string{"ProxyPass / balancer://kit/", "ProxyPass / balancer://kit/ failonstatus=503 forcerecovery=Off"},
		},
		{name: "Varnish", run: varnish},
		{
			name: "Caddy", removed: http.StatusServiceUnavailable,
			run:      func(t *testing.T, text snippetReader, c certificate) string { return caddy(t, text("caddy"), c) },
			counting: [2]string{"fail_duration 10s", "fail_duration 10s\n\t\tunhealthy_status 503"},
		},
	}
}

// between returns a reader of the document's snippets for two instances. It
// replaces further pairs of strings.
func between(t *testing.T, first, second string, pairs ...string) snippetReader {
	t.Helper()
	for port, address := range map[string]string{"8080": first, "8081": second} {
		host, actual, err := net.SplitHostPort(address)
		fatal(t, err)
		pairs = append(
			pairs, "127.0.0.1:"+port, address,
			`.host = "127.0.0.1"; .port = "`+port+`"`, `.host = "`+host+`"; .port = "`+actual+`"`,
		)
	}
	return func(language string) string {
		return strings.NewReplacer(pairs...).Replace(snippet(t, "health-checks", language))
	}
}

// haproxy gets its listener as an open file, as nginx does.
func haproxy(t *testing.T, text snippetReader, c certificate) string {
	t.Helper()
	folder, listener := t.TempDir(), listen(t)
	pair := filepath.Join(folder, "app.pem")
	fatal(t, os.WriteFile(pair, []byte(read(t, c.certificate)+read(t, c.key)), 0o600))
	config := strings.NewReplacer("bind :443 ", "bind fd@3 ", "/etc/ssl/app.pem", pair).Replace(text("haproxy"))
	file := writeConfig(t, folder, "haproxy.cfg", "global\n    nbthread 1\n"+config)
	run(t, exec.Command(find(t, "haproxy"), "-db", "-f", file), listener)
	return listener.Addr().String()
}

// apacheFrame is an httpd.conf around the snippet.
const apacheFrame = `
ServerRoot FOLDER
DefaultRuntimeDir FOLDER
PidFile FOLDER/pid
ErrorLog FOLDER/error.log
ServerName app.example.com
USER
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_balancer_module /usr/lib/apache2/modules/mod_proxy_balancer.so
LoadModule lbmethod_byrequests_module /usr/lib/apache2/modules/mod_lbmethod_byrequests.so
LoadModule slotmem_shm_module /usr/lib/apache2/modules/mod_slotmem_shm.so
StartServers 1
Listen ADDRESS
SITE
`

func apache(t *testing.T, text snippetReader, c certificate) string {
	t.Helper()
	folder, address, owner := t.TempDir(), reserve(t), ""
	if os.Geteuid() == 0 {
		owner = "User www-data\nGroup www-data" // Apache does not run as root
	}
	site := strings.NewReplacer("*:443", address, "/etc/ssl/app.pem", c.certificate, "/etc/ssl/app.key", c.key).Replace(text("apache"))
	config := strings.NewReplacer("FOLDER", folder, "USER", owner, "ADDRESS", address, "SITE", site).Replace(apacheFrame)
	file := writeConfig(t, folder, "httpd.conf", config)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(read(t, filepath.Join(folder, "error.log")))
		}
	})
	start(t, c, address, exec.Command(find(t, "apache2"), "-DFOREGROUND", "-f", file))
	return address
}

// varnish runs the command of the document behind a TLS terminator, because
// Varnish has no TLS.
func varnish(t *testing.T, text snippetReader, c certificate) string {
	t.Helper()
	folder := t.TempDir()
	socket, file := filepath.Join(folder, "socket"), writeConfig(t, folder, "app.vcl", text("vcl"))
	line := strings.NewReplacer(":6081", socket, "/etc/varnish/app.vcl", file).Replace(text("sh"))
	arguments := append(strings.Fields(line)[1:], "-F", "-n", folder, "-j", "none", "-T", "none", "-l", "2m")
	address := terminate(t, c, socket)
	start(t, c, address, exec.Command(find(t, "varnishd"), arguments...))
	return address
}

func caddy(t *testing.T, config string, c certificate) string {
	t.Helper()
	address := reserve(t)
	_, port, err := net.SplitHostPort(address)
	fatal(t, err)
	config = caddyFrame + strings.NewReplacer(
		"app.example.com {", "app.example.com:"+port+" {", "/etc/ssl/app.pem", c.certificate, "/etc/ssl/app.key", c.key,
	).Replace(config)
	file := writeConfig(t, t.TempDir(), "Caddyfile", config)
	start(t, c, address, exec.Command(find(t, "caddy"), "run", "--adapter", "caddyfile", "--config", file))
	return address
}

// terminate forwards the bytes of TLS connections to a Unix socket until the
// test ends.
func terminate(t *testing.T, c certificate, socket string) string {
	t.Helper()
	listener := tls.NewListener(listen(t), c.config(t))
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			all.Go(func() { forward(conn, socket) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return listener.Addr().String()
}

func forward(conn net.Conn, socket string) {
	defer func() { _ = conn.Close() }()
	backend, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(backend, conn); _ = backend.Close() })
	_, _ = io.Copy(conn, backend)
	_ = conn.Close()
	both.Wait()
}
