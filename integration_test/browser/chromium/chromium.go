// Package chromium runs a headless Chromium that can reach only this machine.
package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// names are the names of the program on different systems.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// acceptTestCertificates lets Chromium open https pages with the certificates of tests.
const acceptTestCertificates = "ignore-certificate-errors"

// loopbackOnly blocks the resolution of all names except those of this machine.
// It maps *.localhost because Chromium itself tries IPv6 first.
const loopbackOnly = "MAP localhost 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

// A Process is a running Chromium.
type Process struct {
	ctx  context.Context
	free context.CancelFunc
}

// Start starts a Chromium. The caller must call Stop.
func Start() (*Process, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("host-resolver-rules", loopbackOnly),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag(acceptTestCertificates, true),
	)
	if os.Geteuid() == 0 {
		// Chromium's sandbox does not run as root.
		options = append(options, chromedp.NoSandbox)
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator) // Stop cancels it
	if err := chromedp.Do(ctx); err != nil {
		free()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return &Process{ctx, free}, nil
}

// Context returns the parent of the contexts of tabs (chromedp.NewContext).
func (p *Process) Context() context.Context { return p.ctx }

// Version returns the name and the version of the browser.
func (p *Process) Version() (string, error) {
	version, err := chromedp.CallBrowser(p.ctx, browser.GetVersion, cdp.Empty{})
	return version.Product, err
}

func find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium under the names %q (Debian: apt-get install chromium)", names)
}

// Stop ends the process and waits for its end.
func (p *Process) Stop() error {
	defer p.free()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopping Chromium: %w", err)
	}
	return nil
}
