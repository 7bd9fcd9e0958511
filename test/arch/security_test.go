package arch

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSecurityDocumentNamesExistingTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		if !goTest.MatchString(m[1]) {
			continue
		}
		named++
		if !testExists(t, m[1]) {
			t.Errorf("there is no %s", m[1])
		}
	}
	if named < 40 {
		t.Errorf("only %d tests are named", named)
	}
}
