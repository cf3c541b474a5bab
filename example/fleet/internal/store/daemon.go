package store

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const startTimeout = 20 * time.Second

// daemon is a store in its own process. It listens on a socket in a folder of this
// user alone, and writes no files.
type daemon struct {
	cmd   *exec.Cmd
	dir   string
	ended chan struct{}

	mu     sync.Mutex // guards frozen
	frozen bool
}

func startDaemon(name, path string) (*Store, error) {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "store.sock")
	cmd := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
		"--maxmemory-policy", "noeviction", "--dir", dir, "--loglevel", "warning")
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := &daemon{cmd: cmd, dir: dir, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_ = cmd.Wait() // how it ended does not matter
	}()
	if err := s.await(socket); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), s.end())
	}
	return &Store{Kind: name, URL: "unix://" + socket, daemon: s, close: s.end}, nil
}

// await waits until the server responds.
func (s *daemon) await(socket string) (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = ping(socket); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it has ended at once")
		default:
		}
	}
	return err
}

func ping(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // a deadline that fails to be set ends nothing
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	response := make([]byte, 64)
	n, err := conn.Read(response)
	if err == nil && !strings.HasPrefix(string(response[:n]), "+PONG") {
		err = fmt.Errorf("unexpected response %q", response[:n])
	}
	return err
}

func (s *daemon) freeze() error { return s.set(true) }

func (s *daemon) thaw() error { return s.set(false) }

func (s *daemon) set(frozen bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(stopOrGoOn(frozen)); err != nil {
		return err
	}
	s.frozen = frozen
	return nil
}

func (s *daemon) isFrozen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen
}

// end kills the server, frozen or not, and removes its folder.
func (s *daemon) end() error {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.ended
	return os.RemoveAll(s.dir)
}
