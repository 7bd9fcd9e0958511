package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goStatements returns the positions of go statements in Go source. Nothing waits for a goroutine that a go statement
// starts; sync.WaitGroup.Go gives it an owner.
func goStatements(t *testing.T, file string, source any) []string {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if _, ok := n.(*ast.GoStmt); ok {
			found = append(found, set.Position(n.Pos()).String())
		}
		return true
	})
	return found
}

// allowedGoStatements is the number of go statements that a folder may have.
var allowedGoStatements = map[string]int{
	"internal/rtc": 1, // Rooms.Close stops waiting for rooms when its context ends
}

func TestProgramStartsGoroutinesOnlyWithWaitGroupGo(t *testing.T) {
	list, err := exec.Command("git", "-C", repository, "ls-files", "--cached", "--others", "--exclude-standard", "cmd", "internal", "web").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen, counts := 0, map[string]int{}
	for _, file := range strings.Fields(string(list)) {
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "_templ.go") {
			continue
		}
		path := filepath.Join(repository, file)
		if !exists(path) {
			continue // deleted, but not yet in the index
		}
		seen++
		for _, at := range goStatements(t, path, nil) {
			if folder := filepath.Dir(file); counts[folder] < allowedGoStatements[folder] {
				counts[folder]++
				continue
			}
			t.Errorf("%s: go statement, want sync.WaitGroup.Go of an owner that waits", at)
		}
	}
	if seen < 100 {
		t.Errorf("found only %d files", seen)
	}
	for folder, allowed := range allowedGoStatements {
		if counts[folder] != allowed {
			t.Errorf("%s has %d go statements and may have %d: lower the number", folder, counts[folder], allowed)
		}
	}
}

func TestGoroutineCheckFindsGoStatements(t *testing.T) {
	for body, want := range map[string]int{
		"go f()": 1, "go func() { f() }()": 1, "func() { go f() }()": 1, "wg.Go(f)": 0, "f() // go f()": 0,
	} {
		if got := goStatements(t, "x.go", "package x\nfunc g() { "+body+"\n}"); len(got) != want {
			t.Errorf("%s: found %v, want %d", body, got, want)
		}
	}
}
