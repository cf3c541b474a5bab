package browser_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const reactExample = "../../example/react"

// manifest is a package.json.
type manifest struct {
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
}

func readManifest(t *testing.T, file string) (m manifest) {
	t.Helper()
	raw, err := os.ReadFile(file)
	fatal(t, err)
	fatal(t, json.Unmarshal(raw, &m))
	return m
}

// TestReactExampleVersions compares the packages of example/react with those that
// TestReactExample bundles.
func TestReactExampleVersions(t *testing.T) {
	tests, example := readManifest(t, "js/package.json"), readManifest(t, reactExample+"/package.json")
	want := map[string]string{
		"@crossmint/client-sdk-react-ui": strings.TrimPrefix(tests.Dependencies[uiPackages[0]], "npm:@crossmint/client-sdk-react-ui@"),
		"react":                          tests.Dependencies["react"],
		"react-dom":                      tests.Dependencies["react-dom"],
		"unused":                         tests.Dependencies["unused"],
	}
	if diff := cmp.Diff(want, example.Dependencies); diff != "" {
		t.Errorf("dependencies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tests.DevDependencies, example.DevDependencies); diff != "" {
		t.Errorf("devDependencies (-want +got):\n%s", diff)
	}
}

// buildReactExample builds the program and the page of example/react.
func buildReactExample(t *testing.T) (program, page string) {
	t.Helper()
	folder := t.TempDir()
	program, page = filepath.Join(folder, "react"), filepath.Join(folder, "page.js")
	build := exec.Command("go", "build", "-o", program, "./example/react")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	modules, err := filepath.Abs("js/node_modules")
	fatal(t, err)
	source, err := filepath.Abs(reactExample + "/page.jsx")
	fatal(t, err)
	options := append([]string{source, "--bundle", "--format=iife", "--outfile=" + page}, uiOptions...)
	for name, installed := range map[string]string{"@crossmint/client-sdk-react-ui": uiPackages[0], "react": "react", "react-dom": "react-dom"} {
		options = append(options, "--alias:"+name+"="+filepath.Join(modules, installed))
	}
	_, err = run("node_modules/.bin/esbuild", options...)
	fatal(t, err)
	return program, page
}

// TestReactExample signs in on the page of example/react with the code that the program
// prints, waits for the JWT to expire, asks the API again, and signs out.
func TestReactExample(t *testing.T) {
	program, script := buildReactExample(t)
	eachBrowser(t, func(t *testing.T, p page) {
		next := startReactExample(t, program, script)
		url := next("listening on ")
		text := func(element string) func() string {
			return func() string {
				return p.script(fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ""`, element))
			}
		}
		p.open(url)
		click(t, p, "#login")
		enter(t, p, "#emailInput", email)
		click(t, p, "form button[type=submit]")
		code := next("e-mail to " + email + ": your code is ")
		if !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
			t.Fatalf("the code is %q", code)
		}
		enter(t, p, "[data-input-otp]", code)
		await(t, "the signed-in user", true, func() bool { return text("#user")() != "" })
		user, expires := text("#user")(), text("#expires")()

		p.open(url)
		await(t, "the user after a reload", user, text("#user"))
		// The JWT of the fake lasts for 20 s. Shortly before its end the API renews it.
		await(t, "another expiry", true, func() bool {
			click(t, p, "#reload")
			return text("#expires")() != expires
		})
		await(t, "the user with the next JWT", user, text("#user"))

		click(t, p, "#logout")
		await(t, "the button to sign in", "Sign in", text("#login"))
		p.open(url)
		await(t, "the button after a reload", "Sign in", text("#login"))
	})
}

// startReactExample starts the program until the end of the test. next returns the rest of
// its next line, which must begin with a prefix.
func startReactExample(t *testing.T, program, script string) (next func(prefix string) string) {
	t.Helper()
	command := exec.Command(program, "-addr", "127.0.0.1:0", "-page", script)
	command.Env = append(os.Environ(), "CROSSMINT_API_KEY=", "CROSSMINT_CLIENT_KEY=")
	stdout, err := command.StdoutPipe()
	fatal(t, err)
	fatal(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := command.Wait(); err != nil {
			t.Errorf("the program ended with: %v", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	return func(prefix string) string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the program ended, want a line that begins with %q", prefix)
		}
		value, found := strings.CutPrefix(lines.Text(), prefix)
		if !found {
			t.Fatalf("the program printed %q, want %q", lines.Text(), prefix)
		}
		return value
	}
}
