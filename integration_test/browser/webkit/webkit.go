// Package webkit runs a WebKitGTK under Xvfb that can reach only this machine. It speaks
// W3C WebDriver (https://www.w3.org/TR/webdriver2/) to WebKitWebDriver with net/http: the
// protocol is JSON over HTTP, and no Go library for it is maintained.
package webkit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/crossmint-go/auth/integration_test/browser/child"
	"github.com/crossmint-go/auth/internal/freeport"
)

// packages are the Debian packages of the programs.
var packages = map[string]string{"WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}

// proxy sends all requests but those to this machine to a port where nothing listens. The
// capability noProxy of WebDriver would crash WebKitGTK 2.50 now and then.
var proxy = []string{"http_proxy=http://127.0.0.1:9", "https_proxy=http://127.0.0.1:9", "no_proxy=127.0.0.1,localhost,.localhost"}

// startTimeout bounds the start and the stop of the programs.
const startTimeout = time.Minute

// A Process is a running WebKitGTK with its driver and its display.
type Process struct {
	home            string // the home of the programs, a temporary folder
	display, driver *exec.Cmd
	messages        bytes.Buffer // of the driver and the browser; complete after their end
	session         *session
	profile         chan struct{} // has one element while no tab is open
}

// Start starts a WebKitGTK. The caller must call Stop. On Linux the programs end with
// this one, however it ends.
func Start() (*Process, error) {
	for program, name := range packages {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("no %s (Debian: apt-get install %s)", program, name)
		}
	}
	home, err := os.MkdirTemp("", "webkit-home-")
	if err != nil {
		return nil, err
	}
	p := &Process{home: home, profile: make(chan struct{}, 1)}
	p.profile <- struct{}{}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := p.start(ctx); err != nil {
		endErr := p.end()
		return nil, errors.Join(fmt.Errorf("starting WebKitGTK: %w\n%s", err, p.messages.Bytes()), endErr)
	}
	return p, nil
}

// start starts the display, the driver and the browser.
func (p *Process) start(ctx context.Context) error {
	display, err := p.startDisplay(ctx)
	if err != nil {
		return err
	}
	port, err := freeport.Next()
	if err != nil {
		return err
	}
	driver := exec.Command("WebKitWebDriver", "--host=127.0.0.1", "--port="+port)
	driver.Env = append(append(os.Environ(), "DISPLAY="+display, "GDK_BACKEND=x11", "HOME="+p.home), proxy...)
	driver.Stderr = &p.messages // also of the browser: Wait waits for the end of both
	driver.WaitDelay = startTimeout
	child.EndWithParent(driver)
	if err := driver.Start(); err != nil {
		return err
	}
	p.driver = driver
	p.session, err = newSession(ctx, port)
	return err
}

// startDisplay starts Xvfb, which chooses a free display, and returns its name.
func (p *Process) startDisplay(ctx context.Context) (name string, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer read.Close()
	display := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset")
	display.ExtraFiles = []*os.File{write} // its descriptor 3
	child.EndWithParent(display)
	err = errors.Join(display.Start(), write.Close())
	if err != nil {
		return "", err
	}
	p.display = display
	deadline, _ := ctx.Deadline()
	if err := read.SetReadDeadline(deadline); err != nil {
		return "", err
	}
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("xvfb names no display: %w", err)
	}
	return ":" + strings.TrimSpace(number), nil
}

// Version returns the version of WebKitGTK.
func (p *Process) Version() string { return p.session.version }

// Stop ends the programs and waits for their end.
func (p *Process) Stop() error {
	p.session.client.CloseIdleConnections()
	return p.end()
}

// end kills the display and the driver, waits for the end of all programs, and deletes
// their home. The browser ends with its display. The driver cannot end it reliably: it
// sometimes waits for ever for a browser that has already ended.
func (p *Process) end() error {
	var err error
	if p.display != nil {
		_ = p.display.Process.Kill()
		_ = p.display.Wait() // its status says only that it was killed
	}
	if p.driver != nil {
		_ = p.driver.Process.Kill()
		if waitErr := p.driver.Wait(); errors.Is(waitErr, exec.ErrWaitDelay) {
			err = errors.New("stopping WebKitGTK: the browser does not end")
		}
	}
	return errors.Join(err, os.RemoveAll(p.home))
}
