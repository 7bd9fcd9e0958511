package arch

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// update makes TestPackageTableInArchitectureDocumentIsCurrent write the package map to docs/architecture.md.
var update = flag.Bool("update", false, "write the package map of docs/architecture.md")

const (
	mapBegin = "<!-- package map -->\n"
	mapEnd   = "<!-- end of package map -->\n"
)

// readArchitecture returns the path and the content of docs/architecture.md.
func readArchitecture(t *testing.T) (path, text string) {
	t.Helper()
	path = filepath.Join(repository, "docs", "architecture.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(raw)
}

// packageMap returns the package map as a Markdown table, with the first sentence of each package comment.
func packageMap(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}\t{{.Name}}\t{{.Doc}}", "meet/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	rows := []string{"| Package | What it does | May import |\n|---|---|---|\n"}
	for line := range strings.Lines(string(out)) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		folder := strings.TrimPrefix(fields[0], "meet/")
		if strings.HasPrefix(folder, "test/") {
			continue
		}
		job := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(fields[2], "Package "+fields[1]+" "), "Command meet "), ".")
		may := slices.Sorted(slices.Values(rules[folder].allowed))
		for i := range may {
			may[i] = strings.TrimPrefix(may[i], "internal/")
		}
		imports := strings.Join(may, ", ")
		if imports == "*" {
			imports = "all of ours"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", folder, strings.ReplaceAll(job, "|", `\|`), imports))
	}
	return strings.Join(rows, "")
}

// The table in docs/architecture.md must match the rules and the package comments.
func TestPackageTableInArchitectureDocumentIsCurrent(t *testing.T) {
	path, text := readArchitecture(t)
	before, rest, ok := strings.Cut(text, mapBegin)
	got, after, ended := strings.Cut(rest, mapEnd)
	if !ok || !ended {
		t.Fatalf("%s does not have %q and %q", path, mapBegin, mapEnd)
	}
	want := packageMap(t)
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the package map of %s is out of date; run: go test ./test/arch -run TestPackageTableInArchitectureDocumentIsCurrent -update", path)
	}
	if err := os.WriteFile(path, []byte(before+mapBegin+want+mapEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// quotedName matches a name in backticks: a package, one of its declarations, and optionally a method or field of the
// declaration.
var quotedName = regexp.MustCompile("`([a-z]\\w*)\\.([A-Za-z]\\w*)(?:\\.([A-Za-z]\\w*))?`")

// quotedPath matches the path of a file or folder in backticks.
var quotedPath = regexp.MustCompile("`((?:cmd|internal|test|web|docs|scripts)/[\\w./-]*)`")

// declarations maps the name of each package in internal to its declarations, in the forms "Type", "Func", "Type.method"
// and "Type.field".
func declarations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	err := filepath.WalkDir(filepath.Join(repository, "internal"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		names := all[file.Name.Name]
		if names == nil {
			names = map[string]bool{}
			all[file.Name.Name] = names
		}
		for _, d := range file.Decls {
			addDeclaration(names, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// addDeclaration adds the names that d declares.
func addDeclaration(names map[string]bool, d ast.Decl) {
	if f, ok := d.(*ast.FuncDecl); ok {
		if f.Recv == nil {
			names[f.Name.Name] = true
			return
		}
		receiver := f.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		if generic, ok := receiver.(*ast.IndexExpr); ok {
			receiver = generic.X
		}
		if named, ok := receiver.(*ast.Ident); ok {
			names[named.Name+"."+f.Name.Name] = true
		}
		return
	}
	general, ok := d.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range general.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names[name.Name] = true
			}
		case *ast.TypeSpec:
			names[spec.Name.Name] = true
			var fields *ast.FieldList
			switch kind := spec.Type.(type) {
			case *ast.StructType:
				fields = kind.Fields
			case *ast.InterfaceType:
				fields = kind.Methods
			}
			if fields == nil {
				continue
			}
			for _, field := range fields.List {
				for _, name := range field.Names {
					names[spec.Name.Name+"."+name.Name] = true
				}
			}
		}
	}
}

// otherPackages lists the packages of other modules that the document names.
var otherPackages = []string{"sync"}

// missingNames returns the names in a text that no package declares, and the files and folders that do not exist.
func missingNames(text string, all map[string]map[string]bool) []string {
	var missing []string
	for _, m := range quotedName.FindAllStringSubmatch(text, -1) {
		if slices.Contains(otherPackages, m[1]) || slices.Contains([]string{"go", "ts", "md"}, m[2]) {
			continue
		}
		if name := strings.TrimSuffix(m[2]+"."+m[3], "."); !all[m[1]][name] {
			missing = append(missing, m[1]+"."+name)
		}
	}
	for _, m := range quotedPath.FindAllStringSubmatch(text, -1) {
		if !exists(filepath.Join(repository, m[1])) {
			missing = append(missing, m[1])
		}
	}
	return missing
}

// All declarations, files and folders that docs/architecture.md names must exist.
func TestNamesInArchitectureDocumentExist(t *testing.T) {
	_, text := readArchitecture(t)
	all := declarations(t)
	if n := len(quotedName.FindAllString(text, -1)); n < 60 {
		t.Errorf("only %d names are checked", n)
	}
	for _, name := range missingNames(text, all) {
		t.Errorf("docs/architecture.md names %s, which does not exist", name)
	}
}

func TestCheckOfArchitectureDocumentFindsMissingNames(t *testing.T) {
	all := map[string]map[string]bool{"wire": {"ProtocolMux": true, "ProtocolMux.Close": true}}
	for text, missing := range map[string]int{
		"`wire.ProtocolMux`": 0, "`wire.ProtocolMux.Close`": 0, "`wire.ProtocolMuxes`": 1, "`wire.ProtocolMux.Open`": 1, "`wires.ProtocolMux`": 1, "`sync.WaitGroup`": 0,
		"`internal/wire/protocolmux.go`": 0, "`internal/wire/protocolmuxes.go`": 1, "`wire.go`": 0,
	} {
		if got := missingNames(text, all); len(got) != missing {
			t.Errorf("%s: found %q, want %d", text, got, missing)
		}
	}
}
