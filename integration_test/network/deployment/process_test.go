package deployment_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// find returns the path of a program that .ci/install has installed, or that is
// in the folder of -proxies.
func find(t *testing.T, name string) string {
	t.Helper()
	if *proxyFolder != "" {
		if path := filepath.Join(*proxyFolder, name); executable(path) {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: run .ci/install, and have /usr/sbin in PATH", name)
	}
	return path
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// reserve returns a loopback address for a program that cannot inherit a
// listener. A socket that is bound and does not listen keeps other tests from
// getting the port until the test ends.
func reserve(t *testing.T) string {
	t.Helper()
	syscall.ForkLock.RLock()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	fatal(t, err)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	fatal(t, syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	fatal(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	name, err := syscall.Getsockname(socket)
	fatal(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
}

// run runs a proxy until the test ends. It inherits the listener as file 3, so
// that no other program can take the port, and connections wait until the proxy
// is ready.
func run(t *testing.T, command *exec.Cmd, listener net.Listener) {
	t.Helper()
	socket, err := listener.(*net.TCPListener).File()
	fatal(t, err)
	command.ExtraFiles = []*os.File{socket}
	launch(t, command)
	_, _ = socket.Close(), listener.Close() // the proxy has its own
}

// start runs a proxy until the test ends, and waits until it serves: Traefik
// accepts connections before it has read its configuration.
func start(t *testing.T, c certificate, address string, command *exec.Cmd) {
	t.Helper()
	command.Env = append(os.Environ(), "HOME="+t.TempDir())
	log := launch(t, command)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if serves(c, address) {
			return
		}
	}
	t.Fatalf("%s does not serve:\n%s", command.Path, log)
}

// serves reports whether the address presents c, and has found the program behind
// it: Varnish responds with 503 until its first probe.
func serves(c certificate, address string) bool {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: c.roots, ServerName: "app.example.com"})
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n"))
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && !strings.Contains(line, " 503 ")
}

// launch starts a proxy and ends it with the test.
func launch(t *testing.T, command *exec.Cmd) *bytes.Buffer {
	t.Helper()
	log := new(bytes.Buffer)
	command.Stdout, command.Stderr = log, log
	fatal(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil && !terminated(command) || t.Failed() {
			t.Errorf("%s: %v\n%s", command.Path, err, log)
		}
	})
	return log
}

// terminated reports whether SIGTERM ended a program that does not handle it:
// HAProxy.
func terminated(command *exec.Cmd) bool {
	status, ok := command.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	fatal(t, err)
	return string(text)
}

func writeConfig(t *testing.T, folder, name, config string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	fatal(t, os.WriteFile(file, []byte(config), 0o600))
	return file
}
