package integration_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/crossmint-go/auth/"

// allowedImports lists the packages of this module that each package may import.
// A package that is absent may import all of them except testPackages.
var allowedImports = map[string][]string{
	"internal/backoff":          {},
	"internal/bounds":           {},
	"internal/exactjson":        {},
	"internal/freeport":         {},
	"internal/ttlmap":           {},
	"internal/limit":            {},
	"internal/lazyconn":         {},
	"internal/netutil":          {},
	"internal/strictjson":       {},
	"internal/wiring":           {},
	"session/event":             {},
	"session":                   {"session/event", "internal/backoff", "internal/bounds", "internal/eventhook", "internal/exactjson", "internal/limit", "internal/ttlmap", "internal/wiring"},
	"session/fleet":             {"session", "session/event", "internal/backoff", "internal/bounds", "internal/eventhook"},
	"session/fleet/fleettest":   {"session", "session/event", "session/fleet", "internal/coordinatortest"},
	"cookie":                    {"session", "internal/bounds"},
	"internal/delivery":         {},
	"internal/eventhook":        {"session/event"},
	"internal/reply":            {"session"},
	"internal/warn":             {"session", "session/event", "internal/bounds", "internal/netutil", "internal/ttlmap"},
	"crossmint/internal/verify": {"session", "internal/bounds", "internal/strictjson"},
	"crossmint/internal/clock":  {},
	"crossmint/doctor":          {"session", "crossmint", "crossmint/internal/clock", "crossmint/internal/verify"},
	"crossmint":                 {"session", "crossmint/internal/clock", "crossmint/internal/verify", "internal/bounds", "internal/netutil", "internal/strictjson", "internal/ttlmap"},
	"crossmint/crossminttest":   {"session", "crossmint"},
	"middleware":                {"session", "cookie", "internal/delivery", "internal/reply", "internal/warn", "internal/wiring"},
	"handlers":                  {"session", "session/event", "cookie", "internal/bounds", "internal/delivery", "internal/limit", "internal/reply", "internal/strictjson", "internal/ttlmap", "internal/warn"},
	"internal/testkit":          {"session", "session/event", "crossmint", "crossmint/crossminttest"},
	"internal/coordinatortest":  {"session"},
	"integration_test/lab":      {"session", "crossmint", "crossmint/crossminttest"},
}

// testPackages are imported by tests and by each other only.
var testPackages = []string{"internal/testkit", "internal/coordinatortest", "session/fleet/fleettest"}

// restrictedImports lists the packages that may import another package directly.
// A path that ends with a slash stands for all packages below it.
var restrictedImports = map[string][]string{
	"net/http": {
		"cookie", "internal/delivery", "internal/reply", "internal/warn", "crossmint", "crossmint/internal/clock", "crossmint/doctor", "crossmint/crossminttest", "middleware", "handlers", "internal/testkit", "internal/coordinatortest",
		"example", "example/react", "example/internal/page", "integration_test/lab", "integration_test/figures", "integration_test/compare",
	},
	"github.com/lestrrat-go/jwx/":  {"crossmint/internal/verify"},
	"github.com/mr-tron/base58":    {"crossmint", "crossmint/crossminttest"},
	"github.com/felixge/httpsnoop": {"internal/delivery"},
	"github.com/justinas/alice":    {"example"},
	"testing":                      testPackages,
	"unsafe":                       {"session"}, // Secret
}

// forbiddenDeps lists the packages on which another one must not depend, not even
// through others.
var forbiddenDeps = map[string][]string{
	"session":       {"net/http", "github.com/"},
	"session/event": {"net/http", "github.com/"},
	"session/fleet": {"net/http", "github.com/"},
}

// goPackage is a part of the output of go list.
type goPackage struct {
	ImportPath    string
	Imports, Deps []string
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	for name := range allowedImports {
		if _, ok := packages[name]; !ok {
			t.Errorf("there is no package %s", name)
		}
	}
	for name, p := range packages {
		for _, imported := range p.Imports {
			if !mayImport(name, imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
		for _, dep := range p.Deps {
			if !strings.HasPrefix(dep, module) && matchesAny(forbiddenDeps[name], dep) {
				t.Errorf("%s must not depend on %s", name, dep)
			}
		}
	}
}

// listPackages returns the packages of this module by their path in it.
func listPackages(t *testing.T) map[string]goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...").Output()
	fatal(t, err)
	packages := map[string]goPackage{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		fatal(t, err)
		packages[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

func mayImport(name, imported string) bool {
	if local, ok := strings.CutPrefix(imported, module); ok {
		allowed, restricted := allowedImports[name]
		forTests := slices.Contains(testPackages, local) && !slices.Contains(testPackages, name)
		return !forTests && (!restricted || slices.Contains(allowed, local))
	}
	for path, allowed := range restrictedImports {
		if matchesAny([]string{path}, imported) && !slices.Contains(allowed, name) {
			return false
		}
	}
	return true
}

// matchesAny reports whether name is one of paths, or below one that ends with a
// slash.
func matchesAny(paths []string, name string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return name == path || strings.HasSuffix(path, "/") && strings.HasPrefix(name, path)
	})
}
