package browser_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
	"github.com/crossmint-go/auth/integration_test/browser/firefox"
	"github.com/crossmint-go/auth/integration_test/browser/webkit"
	"go.uber.org/goleak"
)

// TestMain lets all browsers run at once, unless the command line says otherwise: they
// often wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(len(engines))); err != nil {
		panic(err) // the testing package has no such flag
	}
	goleak.VerifyTestMain(suite{m})
}

// suite runs the tests between the start and the stop of the browsers.
type suite struct{ tests *testing.M }

// All tests share these. They do not change while tests run.
var (
	clients []client // the versions of the browser client
	uis     []client // the versions of the React UI
	browser *chromium.Process
	gecko   *firefox.Process
	gtk     *webkit.Process
)

// Run implements goleak.TestingM.
func (s suite) Run() int {
	code, err := s.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return code
}

func (s suite) run() (code int, err error) {
	if clients, uis, err = bundleClients(); err != nil {
		return 0, err
	}
	browsers, err := startBrowsers()
	defer func() { err = errors.Join(err, stopAll(browsers)) }()
	if err != nil {
		return 0, err
	}
	return s.tests.Run(), nil
}

// stopper is a running browser.
type stopper interface{ Stop() error }

// startBrowsers starts all browsers, and returns those that run.
func startBrowsers() (running []stopper, err error) {
	if browser, err = chromium.Start(); err != nil {
		return running, err
	}
	running = append(running, browser)
	if gecko, err = firefox.Start(); err != nil {
		return running, err
	}
	running = append(running, gecko)
	if gtk, err = webkit.Start(); err != nil {
		return running, err
	}
	return append(running, gtk), nil
}

func stopAll(browsers []stopper) (err error) {
	for _, b := range browsers {
		err = errors.Join(err, b.Stop())
	}
	return err
}
