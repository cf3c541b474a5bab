// Package firefox runs a headless Firefox that can reach only this machine. It
// speaks WebDriver BiDi (https://w3c.github.io/webdriver-bidi/).
package firefox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/crossmint-go/auth/integration_test/browser/child"
)

// names are the names of the program on different systems.
var names = []string{"firefox-esr", "firefox"}

// preferences send all requests but those to this machine to a port where nothing
// listens. The first run of a profile opens no page.
const preferences = `
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("browser.startup.page", 0);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("app.update.auto", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
`

// startTimeout bounds the start and the stop of the program.
const startTimeout = time.Minute

// listening is the start of the line on stderr that names the URL of WebDriver BiDi.
const listening = "WebDriver BiDi listening on "

// A Process is a running Firefox.
type Process struct {
	program *exec.Cmd
	profile string
	session *connection
	copied  chan struct{} // closed when the program has closed stderr
}

// Start starts a Firefox. The caller must call Stop.
func Start() (*Process, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "firefox-profile-")
	if err != nil {
		return nil, err
	}
	p := &Process{profile: profile, copied: make(chan struct{})}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(profile))
	}
	p.program = exec.Command(program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0")
	child.EndWithParent(p.program)
	p.program.Env = append(os.Environ(), "HOME="+profile) // it refuses the home of another user
	if err := p.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", program, err), p.end())
	}
	return p, nil
}

func find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Firefox under the names %q (Debian: apt-get install firefox-esr)", names)
}

// start starts the program and connects to it.
func (p *Process) start() error {
	stderr, err := p.program.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.program.Start(); err != nil {
		close(p.copied)
		return err
	}
	kill := time.AfterFunc(startTimeout, func() { _ = p.program.Process.Kill() })
	defer kill.Stop()
	url, err := readURL(stderr)
	go func() {
		defer close(p.copied)
		_, _ = io.Copy(io.Discard, stderr)
	}()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	p.session, err = connect(ctx, url+"/session")
	return err
}

// readURL returns the URL of WebDriver BiDi from the program's messages.
func readURL(stderr io.Reader) (string, error) {
	var messages []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if url, found := strings.CutPrefix(lines.Text(), listening); found {
			return url, nil
		}
		messages = append(messages, lines.Text())
	}
	return "", fmt.Errorf("it does not listen: %s", strings.Join(messages, "\n"))
}

// Version returns the version of Firefox.
func (p *Process) Version() string { return p.session.version }

// Stop ends the process and waits for its end.
func (p *Process) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	_, err := p.session.do(ctx, "browser.close", nil)
	p.session.close()
	if err != nil {
		err = fmt.Errorf("stopping Firefox: %w", err)
	}
	return errors.Join(err, p.end())
}

// end waits for the end of the program, kills it after a timeout, and deletes the
// profile.
func (p *Process) end() error {
	if p.program.Process != nil {
		timeout := startTimeout
		if p.session == nil { // it has not been asked to end
			timeout = 0
		}
		kill := time.AfterFunc(timeout, func() { _ = p.program.Process.Kill() })
		defer kill.Stop()
		<-p.copied
		_ = p.program.Wait() // its status says nothing: Firefox may have been killed
	}
	return os.RemoveAll(p.profile)
}
