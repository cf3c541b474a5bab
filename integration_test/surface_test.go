package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// maxExportedNames bounds the API of the core packages together. Every exported
// name is a promise, and a reader has to learn it.
const maxExportedNames = 131

var corePackages = []string{"session", "cookie", "middleware", "handlers", "crossmint"}

func TestSurface(t *testing.T) {
	total := 0
	for _, name := range corePackages {
		names := exportedNames(t, "../"+name)
		t.Logf("%s exports %d names: %s", name, len(names), strings.Join(names, " "))
		total += len(names)
	}
	if total > maxExportedNames {
		t.Errorf("the core packages export %d names, at most %d are accepted; -v lists them", total, maxExportedNames)
	}
}

// exportedNames returns the exported names of the package in a folder: types,
// functions, variables, constants, methods of exported types and of exported
// interfaces. Fields do not count.
func exportedNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	fatal(t, err)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), folder+"/"+entry.Name(), nil, parser.SkipObjectResolution)
		fatal(t, err)
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				names = append(names, exportedFunc(d)...)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					names = append(names, exportedSpec(spec)...)
				}
			}
		}
	}
	return names
}

// exportedFunc returns the name of an exported function, or of an exported
// method of an exported type.
func exportedFunc(d *ast.FuncDecl) []string {
	if d.Recv == nil {
		return exportedOf(d.Name)
	}
	receiver := d.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	if base, ok := receiver.(*ast.Ident); !ok || !base.IsExported() {
		return nil
	}
	return exportedOf(d.Name)
}

// exportedSpec returns the exported names of a type, variable or constant
// specification.
func exportedSpec(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		return exportedOf(s.Names...)
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return nil
		}
		names = []string{s.Name.Name}
		if i, ok := s.Type.(*ast.InterfaceType); ok {
			for _, method := range i.Methods.List {
				names = append(names, exportedOf(method.Names...)...)
			}
		}
	}
	return names
}

func exportedOf(identifiers ...*ast.Ident) (names []string) {
	for _, i := range identifiers {
		if i.IsExported() {
			names = append(names, i.Name)
		}
	}
	return names
}
