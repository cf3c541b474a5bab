package integration_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/crossmint-go/auth/"

// arrows says which packages of this module each may import besides session
// and what it imports itself. Whoever is not named may import everything.
var arrows = map[string][]string{
	"internal/limit":            {},
	"session":                   {"internal/limit"},
	"internal/strictjson":       {},
	"cookie":                    {"session"},
	"internal/reply":            {"session"},
	"crossmint/internal/verify": {"internal/strictjson"},
	"crossmint":                 {"session", "internal/strictjson", "crossmint/internal/verify"},
	"crossmint/crossminttest":   {"session", "crossmint"},
	"middleware":                {"session", "cookie", "internal/reply"},
	"handlers":                  {"session", "cookie", "internal/limit", "internal/reply", "internal/strictjson"},
	"integration_test/lab":      {"session", "crossmint", "crossmint/crossminttest"},
}

// foreign says who may import what others must not.
var foreign = map[string][]string{
	"net/http":                    {"cookie", "internal/reply", "crossmint", "crossmint/crossminttest", "middleware", "handlers", "example", "example/internal/page", "integration_test/lab", "integration_test/figures"},
	"github.com/lestrrat-go/jwx/": {"crossmint/internal/verify"},
	"github.com/mr-tron/base58":   {"crossmint", "crossmint/crossminttest"},
	"github.com/justinas/alice":   {"example"},
	"testing":                     {},
	"unsafe":                      {},
}

func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	fatal(t, err)
	seen := 0
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			if local, ok := strings.CutPrefix(imported, module); ok {
				if allowed, bound := arrows[name]; bound && !slices.Contains(allowed, local) {
					t.Errorf("%s must not import %s", name, local)
				}
			}
			for prefix, allowed := range foreign {
				if (imported == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(imported, prefix)) && !slices.Contains(allowed, name) {
					t.Errorf("%s must not import %s", name, imported)
				}
			}
		}
	}
	if seen < len(arrows) {
		t.Errorf("only %d packages were seen", seen)
	}
}
