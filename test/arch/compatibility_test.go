package arch

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is the path of the repository, relative to this package.
const repository = "../.."

// claim is a row of docs/compatibility.md.
type claim struct {
	section, what, state, why string
	tests                     []string
}

// quoted matches text in backticks.
var quoted = regexp.MustCompile("`([^`]+)`")

// parseClaims returns the rows of all tables in a text, without their headers.
func parseClaims(t *testing.T, text string) []claim {
	t.Helper()
	var all []claim
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| |") || strings.HasPrefix(line, "|-") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 5 {
			t.Errorf("a row of %d cells: %s", len(cells), line)
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		c := claim{section: cells[0], what: cells[1], state: cells[2], why: cells[3]}
		for _, m := range quoted.FindAllStringSubmatch(cells[4], -1) {
			c.tests = append(c.tests, m[1])
		}
		all = append(all, c)
	}
	return all
}

// problem returns what is wrong with a claim, or "".
func (c claim) problem(exists func(test string) bool) string {
	switch {
	case c.section == "" || c.what == "":
		return "it has no section or no subject"
	case !slices.Contains([]string{"yes", "partly", "no"}, c.state):
		return "its state is " + c.state
	case c.state != "yes" && c.why == "":
		return "it has no reason"
	case c.state != "no" && len(c.tests) == 0:
		return "it names no test"
	}
	for _, test := range c.tests {
		if !exists(test) {
			return "there is no " + test
		}
	}
	return ""
}

// goTest matches a reference to a Go test: its package and function. jsTitle matches the title of a JavaScript test,
// with its quotes. placeholder matches a placeholder in such a title.
var (
	goTest      = regexp.MustCompile(`^((?:internal|test|cmd)/[\w/]+)\.((?:Test|Fuzz)\w+)$`)
	jsTitle     = regexp.MustCompile("\\btest\\(\\s*(`[^`]+`|'[^']+'|\"[^\"]+\")")
	placeholder = regexp.MustCompile(`\$\{[^}]*\}`)
)

// testExists reports whether the repository has this test. A placeholder in a JavaScript test's title matches any text.
func testExists(t *testing.T, test string) bool {
	t.Helper()
	if m := goTest.FindStringSubmatch(test); m != nil {
		return slices.ContainsFunc(readFiles(t, m[1], "*_test.go"), func(text string) bool { return strings.Contains(text, "\nfunc "+m[2]+"(") })
	}
	folder, title, ok := strings.Cut(test, ": ")
	if !ok || !strings.HasPrefix(folder, "test/") {
		return false
	}
	for _, text := range append(readFiles(t, folder, "*.spec.js"), readFiles(t, folder, "*.test.js")...) {
		for _, m := range jsTitle.FindAllStringSubmatch(text, -1) {
			var pattern []string
			for _, fixed := range placeholder.Split(m[1][1:len(m[1])-1], -1) {
				pattern = append(pattern, regexp.QuoteMeta(fixed))
			}
			if regexp.MustCompile("^" + strings.Join(pattern, ".+") + "$").MatchString(title) {
				return true
			}
		}
	}
	return false
}

// readFiles returns the contents of the files in a folder whose names match a pattern.
func readFiles(t *testing.T, folder, names string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(repository, folder, names))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// Every row of docs/compatibility.md has a valid state, and the tests that it names exist.
func TestCompatibilityTableNamesExistingTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := parseClaims(t, string(text))
	states := map[string]int{}
	for _, c := range all {
		states[c.state]++
	}
	if sum := fmt.Sprintf("\n%d rows: %d yes, %d partly, %d no.\n", len(all), states["yes"], states["partly"], states["no"]); !strings.Contains(string(text), sum) {
		t.Errorf("the document does not say %q", sum)
	}
	for _, c := range all {
		if why := c.problem(func(test string) bool { return testExists(t, test) }); why != "" {
			t.Errorf("%s, %s: %s", c.section, c.what, why)
		}
	}
}

func TestCheckOfCompatibilityTableFindsInvalidRows(t *testing.T) {
	for _, tt := range []struct {
		row string
		ok  bool
	}{
		{"| 1.1 | a | yes | | `test/arch.TestCompatibilityTableNamesExistingTests` |", true},
		{"| 1.1 | a | yes | | `test/browser: vp8 video is published and received over one connection` |", true},
		{"| 1.1 | a | no | because | |", true},
		{"| 1.1 | a | no | | |", false},
		{"| 1.1 | a | yes | | |", false},
		{"| 1.1 | a | maybe | b | `test/arch.TestCompatibilityTableNamesExistingTests` |", false},
		{"| 1.1 | a | partly | b | `test/arch.TestNothing` |", false},
		{"| 1.1 | a | yes | | `test/browser: vp8 under one connection` |", false},
		{"| 1.1 | a | yes | | `some other place` |", false},
	} {
		all := parseClaims(t, tt.row)
		if len(all) != 1 {
			t.Fatalf("%d rows in %s", len(all), tt.row)
		}
		if why := all[0].problem(func(test string) bool { return testExists(t, test) }); (why == "") != tt.ok {
			t.Errorf("%s: %q, want it accepted: %v", tt.row, why, tt.ok)
		}
	}
}
