// Package postgrestest runs real PostgreSQL servers and poolers for tests and measurements.
// Each has a free loopback port and its own folder.
package postgrestest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/internal/freeport"
)

// startTimeout is the time in which a server has to respond.
const startTimeout = 60 * time.Second

// Superuser is the name of the role that owns a server. It has no password.
const Superuser = "postgres"

// A Server is a PostgreSQL server that can be killed, restarted and frozen. It is not
// safe for concurrent use.
type Server struct {
	dir, port string
	settings  []string
	process   *process // nil while it is down
}

// Start starts a server with a new cluster, and with settings such as "fsync=off". The
// caller must Close it.
func Start(settings ...string) (*Server, error) {
	return start(settings, func(s *Server) error {
		out, err := s.run("initdb", "--pgdata", s.data(), "--username", Superuser, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
		if err != nil {
			return fmt.Errorf("postgrestest: initdb: %w: %s", err, out)
		}
		return nil
	})
}

// Standby starts a streaming replica of s, with more settings.
func (s *Server) Standby(settings ...string) (*Server, error) {
	return start(append(settings, s.settings...), func(standby *Server) error {
		out, err := standby.run("pg_basebackup", "--pgdata", standby.data(), "--host", "127.0.0.1", "--port", s.port, "--username", Superuser,
			"--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
		if err != nil {
			return fmt.Errorf("postgrestest: pg_basebackup: %w: %s", err, out)
		}
		return nil
	})
}

func start(settings []string, fill func(*Server) error) (*Server, error) {
	dir, err := newFolder()
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, settings: settings}
	if err := fill(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for range 5 { // another process may take the port before the server does
		if s.port, err = freeport.Next(); err != nil {
			break
		}
		if err = s.Up(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, s.Close())
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run runs a program of PostgreSQL as the owner of the folder.
func (s *Server) run(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(binary(name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, unprivileged()
	return cmd.CombinedOutput()
}

// binary returns the path of a program of PostgreSQL. Debian has them in a folder for
// each version.
func binary(name string) string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

// Up starts the server with its data, and waits until it responds.
func (s *Server) Up() error {
	args := []string{"-D", s.data(), "-p", s.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + s.dir}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	p, err := startProcess(s.dir, binary("postgres"), args...)
	if err != nil {
		return err
	}
	s.process = p
	return s.await(p, s.ping)
}

func (s *Server) await(p *process, ping func() error) error {
	var err error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			s.process = nil
			return fmt.Errorf("postgrestest: the server has ended: %s", p.output.String())
		default:
		}
		if err = ping(); err == nil {
			return nil
		}
	}
	s.Kill()
	return fmt.Errorf("postgrestest: the server does not respond: %w", err)
}

// ping checks that the server responds, and that no other server has its port.
func (s *Server) ping() error {
	data, err := s.Query("postgres", "SHOW data_directory")
	if err == nil && data != s.data() {
		return errors.New("another server has the port")
	}
	return err
}

// Addr returns the server's host and port.
func (s *Server) Addr() string { return "127.0.0.1:" + s.port }

// Port returns the server's port.
func (s *Server) Port() string { return s.port }

// URL returns the address of a database for a role without a password.
func (s *Server) URL(role, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", role, s.Addr(), database)
}

// Exec runs statements as the superuser.
func (s *Server) Exec(database, sql string) error {
	_, err := s.Query(database, sql)
	return err
}

// Query runs statements as the superuser, and returns the first column of the result.
func (s *Server) Query(database, sql string) (string, error) {
	return query(s.URL(Superuser, database), sql)
}

// query runs statements with PostgreSQL's own client, in one transaction.
func query(url, sql string) (string, error) {
	cmd := exec.Command(binary("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql, url+"&connect_timeout=5")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("postgrestest: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// Kill ends the server at once, as a crash of its machine does.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.signal(syscall.SIGKILL)
		<-s.process.done
		s.process = nil
	}
}

// Freeze stops the server without closing a connection: it hangs.
func (s *Server) Freeze() { s.process.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.process.signal(syscall.SIGCONT) }

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}

// newFolder returns a new folder that belongs to the unprivileged user.
func newFolder() (string, error) {
	dir, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		return "", err
	}
	if attributes := unprivileged(); attributes != nil {
		err = os.Chown(dir, int(attributes.Credential.Uid), int(attributes.Credential.Gid))
	}
	return dir, err
}

// unprivileged returns the attributes of a process that may not be root. PostgreSQL
// and PgBouncer refuse to run as root.
func unprivileged() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	const fallback = 65534
	uid, gid := fallback, fallback
	if nobody, err := user.Lookup("nobody"); err == nil {
		uid, _ = strconv.Atoi(nobody.Uid)
		gid, _ = strconv.Atoi(nobody.Gid)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// process is a running server with its child processes.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // read it after done
	done   chan struct{}
}

func startProcess(dir, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.SysProcAttr = dir, unprivileged()
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("postgrestest: %w", err)
	}
	// A test that panics or times out runs no cleanup. The guard then reads the end
	// of its input.
	guard := exec.Command("sh", "-c", `cat >/dev/null; kill -KILL "$0"; rm -rf "$1"`, strconv.Itoa(p.cmd.Process.Pid), dir)
	guard.SysProcAttr = unprivileged()
	_, err := guard.StdinPipe() // stays open as long as this process
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
	}
	go func() {
		_ = p.cmd.Wait() // the error is that it was killed
		if guard.Process != nil {
			_ = guard.Process.Kill()
			_ = guard.Wait()
		}
		close(p.done)
	}()
	return p, err
}

// signal signals the server first, which then starts no more children, and then
// these.
func (p *process) signal(sig syscall.Signal) {
	children := childrenOf(p.cmd.Process.Pid)
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	for _, pid := range append(children, childrenOf(p.cmd.Process.Pid)...) {
		_ = syscall.Kill(pid, sig)
	}
}

func childrenOf(pid int) (children []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		list, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(list)) {
			if n, err := strconv.Atoi(child); err == nil {
				children = append(children, n)
			}
		}
	}
	return children
}
