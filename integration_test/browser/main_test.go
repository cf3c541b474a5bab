package browser_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
	"github.com/crossmint-go/auth/integration_test/browser/firefox"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(suite{m}) }

// suite runs the tests between the start and the stop of the browsers.
type suite struct{ tests *testing.M }

// All tests share these. They do not change while tests run.
var (
	clients []client // the versions of the browser client
	uis     []client // the versions of the React UI
	browser *chromium.Process
	other   *firefox.Process
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
	if browser, err = chromium.Start(); err != nil {
		return 0, err
	}
	if other, err = firefox.Start(); err != nil {
		return 0, errors.Join(err, browser.Stop())
	}
	code = s.tests.Run()
	return code, errors.Join(browser.Stop(), other.Stop())
}
