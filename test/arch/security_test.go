package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecurityAndDeployDocumentsNameExistingTests(t *testing.T) {
	for document, minimum := range map[string]int{"security.md": 40, "deploy.md": 8} {
		text, err := os.ReadFile(filepath.Join(repository, "docs", document))
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			if !goTest.MatchString(m[1]) && !strings.HasPrefix(m[1], "test/browser: ") {
				continue
			}
			named++
			if !testExists(t, m[1]) {
				t.Errorf("%s: there is no %s", document, m[1])
			}
		}
		if named < minimum {
			t.Errorf("%s: only %d tests are named", document, named)
		}
	}
}
