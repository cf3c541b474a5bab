package examplepage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/chromedp"
)

// names are what Chromium is called here and there.
var names = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// loopbackOnly keeps every name from being resolved.
const loopbackOnly = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

// A Chromium is a running one. Each tab that it opens has a profile of its own.
type Chromium struct {
	ctx  context.Context
	free context.CancelFunc
}

// StartChromium starts one. The caller must Stop it.
func StartChromium() (*Chromium, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("host-resolver-rules", loopbackOnly),
		chromedp.Flag("no-proxy-server", true),
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
	return &Chromium{ctx, free}, nil
}

func find() (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("Chromium is needed, under one of the names %q (Debian: apt-get install chromium)", names)
}

// Stop ends the process and waits until it is gone.
func (c *Chromium) Stop() error {
	defer c.free()
	ctx, cancel := context.WithTimeout(c.ctx, 10*time.Second)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopping Chromium: %w", err)
	}
	return nil
}
