package browser_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// process is a running Chromium. Each test has a profile of its own in it.
type process struct {
	ctx  context.Context
	free context.CancelFunc
}

// names are what Chromium is called here and there.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// loopbackOnly keeps every name but this machine's from being resolved.
// Chromium knows *.localhost by itself, but tries IPv6 first.
const loopbackOnly = "MAP localhost 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

func startChromium() (*process, error) {
	program, err := find(names)
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("host-resolver-rules", loopbackOnly),
		chromedp.Flag("no-proxy-server", true),
		chromedp.WindowSize(900, 700),
	)
	if os.Geteuid() == 0 {
		// Chromium's sandbox does not run as root.
		options = append(options, chromedp.NoSandbox)
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator) // stop cancels it
	if err := chromedp.Do(ctx); err != nil {
		free()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return &process{ctx, free}, nil
}

func find(names []string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("Chromium is needed, under one of the names %q (Debian: apt-get install chromium)", names)
}

// stop ends the process and waits until it is gone.
func (p *process) stop() error {
	defer p.free()
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopping Chromium: %w", err)
	}
	return nil
}
