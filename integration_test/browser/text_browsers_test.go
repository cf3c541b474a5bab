package browser_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossmint-go/auth/integration_test/browser/child"
)

// textBrowsers are browsers for terminals, which run no scripts. The keys fill the only
// field of a page and press the button after it.
var textBrowsers = []struct {
	name    string
	command string // before the URL
	fill    func(text string) []string
	press   []string // the only button of a page
}{
	{
		"w3m", "w3m -cookie",
		func(text string) []string { return []string{"\t", "\r", text + "\r", "\t", "\r"} },
		[]string{"\t", "\r"},
	},
	{
		"lynx", "lynx -accept_all_cookies",
		func(text string) []string { return []string{text, "\t", "\r"} },
		[]string{"\r"},
	},
}

// TestTextBrowsers signs in and out by the forms.
func TestTextBrowsers(t *testing.T) {
	for _, browser := range textBrowsers {
		t.Run(browser.name, func(t *testing.T) {
			t.Parallel()
			s := newFormSite(t, formOptions{plainHTTP: true})
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("requests to the site:\n%s", s.journal.String())
				}
			})
			s.users++
			user := s.Fake.NewUser(s.email()).ID
			b := openTerminal(t, browser.command+" "+s.url+"/signin")
			b.await(s, visit{Method: "GET", Path: "/signin", Status: 200})
			b.enter(browser.fill(s.email())...)
			b.await(s, visit{Method: "GET", Path: "/code", Status: 200})
			b.enter(browser.fill(s.Fake.Code(s.email()))...)
			b.await(s, visit{Method: "GET", Path: "/", Status: 200})
			if live := s.Fake.LiveOf(user); live != 1 {
				t.Errorf("%d live tokens after the sign-in, want 1", live)
			}
			b.enter(browser.press...)
			b.await(s, visit{Method: "POST", Path: "/logout", Status: http.StatusSeeOther})
			if live := s.Fake.LiveOf(user); live != 0 {
				t.Errorf("%d live tokens after the logout, want 0", live)
			}
		})
	}
}

// terminal is a program in a terminal.
type terminal struct {
	t    *testing.T
	keys io.Writer

	mu     sync.Mutex
	screen bytes.Buffer // all that the program has written; mu guards it
}

// openTerminal runs a command until the end of the test. The program script, which every
// Debian has, makes the terminal.
func openTerminal(t *testing.T, command string) *terminal {
	t.Helper()
	name, _, _ := strings.Cut(command, " ")
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("no %s (Debian: apt-get install %[1]s)", name)
	}
	b := &terminal{t: t}
	program := exec.Command("script", "--quiet", "--flush", "--command", command, os.DevNull)
	child.EndWithParent(program)
	program.Env = append(os.Environ(), "TERM=xterm", "COLUMNS=80", "LINES=24", "HOME="+t.TempDir())
	program.Stdout, program.Stderr = b, b
	keys, err := program.StdinPipe()
	fatal(t, err)
	b.keys = keys
	fatal(t, program.Start())
	t.Cleanup(func() {
		_ = program.Process.Kill() // the browser ends with its terminal
		if err := program.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the terminal:\n%q", b.screen.String())
		}
	})
	return b
}

// Write implements io.Writer for the output of the program.
func (b *terminal) Write(output []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.screen.Write(output)
}

// written returns how much the program has written.
func (b *terminal) written() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.screen.Len()
}

// quietTime is how long a program that waits for a key writes nothing.
const quietTime = 300 * time.Millisecond

// enter enters keys. It waits before each until the program writes no more.
func (b *terminal) enter(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		for before := -1; before != b.written(); time.Sleep(quietTime) {
			before = b.written()
		}
		_, err := io.WriteString(b.keys, key)
		fatal(b.t, err)
	}
}

// await waits until the last visit to a path has the method and the status.
func (b *terminal) await(s *formSite, want visit) {
	b.t.Helper()
	await(b.t, "a request of the browser", want, func() visit {
		got := s.journal.last(want.Path)
		return visit{Method: got.Method, Path: got.Path, Status: got.Status}
	})
}
