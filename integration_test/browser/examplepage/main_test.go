package examplepage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(suite{m}) }

// suite starts the browser before the tests and stops it afterwards.
type suite struct{ tests *testing.M }

// All tests share these. They never change while tests run.
var (
	built   string // the path of the example
	browser *chromium.Process
)

// Run implements goleak.TestingM.
func (s suite) Run() int {
	code, err := s.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "examplepage:", err)
		return 1
	}
	return code
}

func (s suite) run() (code int, err error) {
	folder, err := os.MkdirTemp("", "examplepage")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	if built, err = examplepage.Build(context.Background(), "../../..", folder); err != nil {
		return 0, err
	}
	if browser, err = chromium.Start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, browser.Stop()) }()
	return s.tests.Run(), nil
}
