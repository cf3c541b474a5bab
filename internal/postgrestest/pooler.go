package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/crossmint-go/auth/internal/freeport"
)

// A Pooler is a PgBouncer in front of a server.
type Pooler struct {
	dir, port string
	process   *process
}

// Pool starts a PgBouncer in transaction mode in front of s, with few connections to
// it, for the superuser and a role. The caller must Close it.
func (s *Server) Pool(role string) (*Pooler, error) {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer" // where Debian has it
	}
	p := &Pooler{}
	if p.dir, err = newFolder(); err != nil {
		return nil, err
	}
	if p.port, err = freeport.Next(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	users, config := filepath.Join(p.dir, "users.txt"), filepath.Join(p.dir, "pgbouncer.ini")
	if err := os.WriteFile(users, fmt.Appendf(nil, "\"%s\" \"\"\n\"%s\" \"\"\n", Superuser, role), 0o644); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	err = os.WriteFile(config, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = users.txt
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
`, s.port, p.port), 0o644)
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	if p.process, err = startProcess(p.dir, path, config); err == nil {
		err = p.await()
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Pooler) await() error {
	var err error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.process.done:
			return fmt.Errorf("postgrestest: pgbouncer has ended: %s", p.process.output.String())
		default:
		}
		if _, err = query(p.URL(Superuser, "postgres"), "SELECT"); err == nil {
			return nil
		}
	}
	return fmt.Errorf("postgrestest: pgbouncer does not respond: %w", err)
}

// URL returns the address of a database for a role without a password.
func (p *Pooler) URL(role, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%s/%s?sslmode=disable", role, p.port, database)
}

// Close ends the pooler and removes its folder.
func (p *Pooler) Close() error {
	if p.process != nil {
		p.process.signal(syscall.SIGKILL)
		<-p.process.done
		p.process = nil
	}
	return os.RemoveAll(p.dir)
}
