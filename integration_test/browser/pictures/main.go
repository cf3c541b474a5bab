// Command pictures takes the pictures of the example's page in docs/pictures:
//
//	go -C integration_test/browser run ./pictures
//
// It needs Chromium and takes a minute, so that the time line has marks.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/crossmint-go/auth/integration_test/browser/chromium"
	"github.com/crossmint-go/auth/integration_test/browser/examplepage"
)

const (
	root   = "../.."
	folder = root + "/docs/pictures"
)

// views are the screens.
var views = []struct {
	name          string
	width, height int64
}{{"desktop", 1120, 800}, {"phone", 390, 844}}

func main() {
	if err := run(); err != nil {
		log.Fatal("pictures: ", err)
	}
}

func run() (err error) {
	scratch, err := os.MkdirTemp("", "pictures")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	built, err := examplepage.Build(context.Background(), root, scratch)
	if err != nil {
		return err
	}
	program, err := examplepage.Start(built)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, program.Stop()) }()
	browser, err := chromium.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, browser.Stop()) }()
	return picture(browser, program)
}

func picture(browser *chromium.Process, program *examplepage.Program) error {
	tab, closeTab, err := examplepage.Open(browser)
	if err != nil {
		return err
	}
	defer closeTab()
	if err := tab.Do(examplepage.Resize(views[0].width, views[0].height), examplepage.SignIn(program), prepare); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, view := range views {
		for _, scheme := range []string{"light", "dark"} {
			name := fmt.Sprintf("page-%s-%s.png", view.name, scheme)
			if err := tab.Do(examplepage.Resize(view.width, view.height), examplepage.Prefer("prefers-color-scheme", scheme), save(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// prepare fills the time line: a refresh, a slow Crossmint, an outage with an
// expired token, and 50 requests at once.
func prepare(tab *examplepage.Tab) error {
	const refreshed = `document.querySelector("[data-name=refreshed][data-op=authenticate]")`
	return tab.Do(
		examplepage.Await(refreshed),
		examplepage.Click(`input[value=slow]`),
		examplepage.Await(`!document.querySelector("#can-slow").hidden`),
		examplepage.Click("#expired"),
		examplepage.Await(`document.querySelector("#expired-result").textContent.startsWith("200")`),
		examplepage.Click(`input[value=down]`),
		examplepage.Await(`!document.querySelector("#can-down").hidden`),
		examplepage.Click("#call-me"),
		examplepage.Click("#expired"),
		examplepage.Await(`document.querySelectorAll("[data-name=unavailable]").length > 3`),
		examplepage.Click(`input[value=up]`),
		examplepage.Await(`!document.querySelector("#can-up").hidden && document.querySelector("#notice").hidden`),
		examplepage.Await(`(window.calm ??= Date.now()) < Date.now() - 3000`),
		examplepage.Click("#burst"),
		examplepage.Await(`document.querySelector("#burst-result").textContent.startsWith("50 succeeded, 1 call to Crossmint")`),
		// The marks move away from the line for "now".
		examplepage.Await(`(window.since ??= Date.now()) < Date.now() - 5000`),
	)
}

func save(name string) examplepage.Step {
	return func(tab *examplepage.Tab) error {
		picture, err := tab.Picture()
		if err != nil {
			return err
		}
		compressed, err := compress(picture)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name), compressed, 0o644)
	}
}
