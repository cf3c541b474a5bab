package deployment_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// frame is an nginx.conf around the snippets: in the foreground, with one
// worker, and touching nothing outside FOLDER.
const frame = `
daemon off;
USER
pid FOLDER/nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
SERVERS
}
`

// nginx runs a snippet of the document, with the application at backend, and
// returns its address. Only paths and addresses are replaced.
func nginx(t *testing.T, snippet, backend string, c certificate) string {
	t.Helper()
	folder, listener := t.TempDir(), listen(t)
	config := strings.NewReplacer(
		"SERVERS", strings.NewReplacer(
			"listen 443 ssl;", "listen "+listener.Addr().String()+" ssl;",
			"/etc/ssl/app.pem", c.certificate, "/etc/ssl/app.key", c.key,
			"http://127.0.0.1:8080", "http://"+backend,
			"/srv/www", filepath.Join(folder, "www"), "/var/cache/nginx/app", filepath.Join(folder, "cache"),
		).Replace(snippet),
		"FOLDER", folder, "USER", user(),
	).Replace(frame)
	file := writeConfig(t, folder, "nginx.conf", config)
	fatal(t, os.Mkdir(filepath.Join(folder, "www"), 0o700))
	fatal(t, os.WriteFile(filepath.Join(folder, "www", "index.html"), []byte("front end"), 0o600))
	command := exec.Command(find(t, "nginx"), "-p", folder, "-c", file)
	command.Env = []string{"NGINX=3;"} // as a running nginx hands its sockets to its successor
	run(t, command, listener)
	return listener.Addr().String()
}

// user keeps root's workers from giving up the access to root's files.
func user() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}
