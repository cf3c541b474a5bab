// Package redistest runs real stores for tests and measurements. Each has a free
// loopback port and its own folder, and no persistence.
package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/internal/freeport"
)

// startTimeout is the time in which a server has to respond.
const startTimeout = 20 * time.Second

// Binaries returns the paths of the installed servers, by name.
func Binaries() (map[string]string, error) {
	found := map[string]string{}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			found[name] = path
		}
	}
	if len(found) == 0 {
		return nil, errors.New("redistest: neither redis-server nor valkey-server is installed")
	}
	return found, nil
}

// A Server is a store that can be killed, restarted and frozen. It is not safe
// for concurrent use.
type Server struct {
	binary, dir, port string
	args              []string
	cmd               *exec.Cmd // nil while it is down
	sentinel          string    // the path of a sentinel's configuration; "": it is none
}

// Start starts a server, with more arguments of its command line. The caller
// must Close it.
func Start(binary string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		return nil, err
	}
	s := &Server{binary: binary, dir: dir, args: args}
	for range 5 { // another process may take the port before the server does
		if s.port, err = freeport.Next(); err != nil {
			break
		}
		if err = s.Up(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// StartSentinel starts a sentinel with a password that watches a primary. The caller
// must Close it.
func StartSentinel(binary, name, primary, password string) (*Server, error) {
	dir, err := os.MkdirTemp("", "sentinel")
	if err != nil {
		return nil, err
	}
	s := &Server{binary: binary, dir: dir, sentinel: filepath.Join(dir, "sentinel.conf")}
	if s.port, err = freeport.Next(); err == nil {
		host, port, _ := net.SplitHostPort(primary) // it is an address
		conf := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nrequirepass %q\nsentinel monitor %s %s %s 1\n", s.port, dir, password, name, host, port)
		if err = os.WriteFile(s.sentinel, []byte(conf), 0o600); err == nil {
			err = s.Up()
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return "127.0.0.1:" + s.port }

// URL returns the server's URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Up starts the server, empty, and waits until it responds.
func (s *Server) Up() error {
	args := []string{"--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir, "--loglevel", "warning"}
	cmd := exec.Command(s.binary, append(args, s.args...)...)
	if s.sentinel != "" {
		cmd = exec.Command(s.binary, s.sentinel, "--sentinel")
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	s.cmd = cmd
	if err := s.await(); err != nil {
		s.Kill()
		return err
	}
	return nil
}

func (s *Server) await() error {
	var err error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = s.ping(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("redistest: %s does not respond: %w", s.binary, err)
}

// ping checks that the server responds, and that no other server has its port.
func (s *Server) ping() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if s.sentinel != "" {
		return nil // it has a password
	}
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // a deadline that fails to be set ends nothing
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return err
	}
	own := fmt.Sprint("process_id:", s.cmd.Process.Pid)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == own:
			return nil
		case strings.HasPrefix(line, "process_id:"):
			return errors.New("another server has the port")
		}
	}
	return errors.Join(errors.New("the response does not name the process"), lines.Err())
}

// Kill ends the server at once. Its content is lost.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	_ = s.cmd.Wait()         // the error is that it was killed
	s.cmd = nil
}

// Freeze stops the server without closing a connection: it hangs.
func (s *Server) Freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze. The server then runs the commands that it received meanwhile.
func (s *Server) Thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}
