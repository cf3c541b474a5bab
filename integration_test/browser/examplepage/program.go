package examplepage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/crossmint-go/auth/integration_test/browser/child"
)

// Build builds the example into folder and returns the path of the program.
// root is the path of the repository.
func Build(ctx context.Context, root, folder string) (string, error) {
	program, err := filepath.Abs(filepath.Join(folder, "example"))
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", program, "./example")
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./example: %w\n%s", err, output)
	}
	return program, nil
}

// A Program is a running example with a simulated Crossmint, on a free port.
type Program struct {
	URL     string
	command *exec.Cmd
	stdout  io.Reader
}

// Start starts the program that Build has built, and waits until it listens.
// The caller must call Stop.
func Start(program string) (*Program, error) {
	command := exec.Command(program, "-addr", "127.0.0.1:0")
	child.EndWithParent(command)
	command.Env = append(os.Environ(), "CROSSMINT_API_KEY=")
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &Program{command: command, stdout: stdout}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the example prints no address: %w (%w)", err, p.Stop())
	}
	p.URL = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return p, nil
}

// Stop interrupts the program and waits for its end.
func (p *Program) Stop() error {
	if err := p.command.Process.Signal(os.Interrupt); err != nil {
		_ = p.command.Process.Kill() // Windows has no signals
	}
	_, _ = io.Copy(io.Discard, p.stdout) // Wait closes the pipe
	return p.command.Wait()
}
