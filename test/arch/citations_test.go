package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// document matches the path or URL of a Markdown file.
	document = regexp.MustCompile(`[\w./:-]*\w\.md\b`)
	// source matches the path of a source file in this repository.
	source = regexp.MustCompile(`(?:^|[\s(])((?:cmd|internal|scripts|test|web)/[\w./-]*\w\.(?:css|go|jsx?|sh|templ|tsx?))\b`)
	// comment matches the comment in a line of source code, also inside a block comment.
	comment = regexp.MustCompile(`(?:^|\s)(?://|#|/?\*).*`)
	// protocolSection matches a citation of docs/protocol.md with its sections.
	protocolSection = regexp.MustCompile(`docs/protocol\.md,\s+((?:\d[\d.]*)(?:(?: and | to |, )\d[\d.]*)*)`)
	number          = regexp.MustCompile(`\d+(?:\.\d+)?`)
	heading         = regexp.MustCompile(`(?m)^##+ (\d+(?:\.\d+)?) `)
	lineBreak       = regexp.MustCompile(`\n\s*(?://|\*|#)?\s*`)
)

// textFiles returns the content of the tracked source and documentation files, without generated ones, by their paths.
func textFiles(t *testing.T) map[string]string {
	t.Helper()
	list, err := exec.Command("git", "-C", repository, "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range strings.Fields(string(list)) {
		switch filepath.Ext(file) {
		case ".go", ".js", ".mjs", ".ts", ".tsx", ".css", ".templ", ".sh", ".yml", ".yaml", ".conf", ".md":
		default:
			continue
		}
		if strings.HasPrefix(file, "web/static/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(repository, file))
		if os.IsNotExist(err) {
			continue // deleted, but not yet in the index
		}
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(text)
	}
	return all
}

// missingFiles returns the documents and source files that a file cites and that do not exist. Paths may be relative to
// the repository or to the folder of the citing file. In source files only comments are searched. URLs are ignored.
func missingFiles(file, text string) []string {
	var missing []string
	for line := range strings.Lines(text) {
		if filepath.Ext(file) != ".md" {
			line = comment.FindString(line)
		}
		names := document.FindAllString(line, -1)
		for _, m := range source.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
		for _, name := range names {
			if strings.Contains(name, "://") {
				continue
			}
			if !exists(filepath.Join(repository, name)) && !exists(filepath.Join(repository, filepath.Dir(file), name)) {
				missing = append(missing, name)
			}
		}
	}
	return missing
}

// exists reports whether a file or folder exists.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// missingSections returns the sections of docs/protocol.md that a text cites and that the document does not have.
func missingSections(text string, sections []string) []string {
	var missing []string
	for _, m := range protocolSection.FindAllStringSubmatch(lineBreak.ReplaceAllString(text, " "), -1) {
		for _, n := range number.FindAllString(m[1], -1) {
			if !slices.Contains(sections, n) {
				missing = append(missing, n)
			}
		}
	}
	return missing
}

// sectionsOfProtocol returns the numbers of the sections of docs/protocol.md.
func sectionsOfProtocol(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	var sections []string
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		sections = append(sections, m[1])
	}
	return sections
}

// Every document and source file that a file of the repository cites exists, and so does every cited section of
// docs/protocol.md.
func TestCitedFilesExist(t *testing.T) {
	sections := sectionsOfProtocol(t)
	all := textFiles(t)
	if len(all) < 100 {
		t.Fatalf("found only %d files", len(all))
	}
	for file, text := range all {
		if strings.HasPrefix(file, "test/arch/") {
			continue // cites missing documents on purpose
		}
		for _, name := range missingFiles(file, text) {
			t.Errorf("%s cites %s, which is not in the repository", file, name)
		}
		for _, section := range missingSections(text, sections) {
			t.Errorf("%s cites section %s of docs/protocol.md, which does not exist", file, section)
		}
	}
}

// The section numbers in docs/compatibility.md are sections of docs/protocol.md.
func TestSectionsCitedInCompatibilityTableExist(t *testing.T) {
	sections := sectionsOfProtocol(t)
	text, err := os.ReadFile(filepath.Join(repository, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range parseClaims(t, string(text)) {
		for _, n := range number.FindAllString(c.section, -1) {
			if !slices.Contains(sections, n) {
				t.Errorf("%s, %s: docs/protocol.md has no such section", n, c.what)
			}
		}
	}
}

func TestCitationChecksFindMissingFilesAndSections(t *testing.T) {
	for _, tt := range []struct {
		file, text string
		missing    int
	}{
		{"internal/wire/doc.go", "// see docs/security.md and SECURITY.md", 0},
		{"internal/wire/doc.go", "// see notes.md, 3.4", 1},
		{"internal/wire/doc.go", "x := 1 // as in notes.md", 1},
		{"internal/wire/doc.go", `open("notes.md")`, 0},
		{"internal/wire/doc.go", "// https://example.org/notes.md", 0},
		{"docs/security.md", "[table](compatibility.md), [none](notes.md)", 1},
		{"scripts/check.sh", "# see docs/notes.md", 1},
		{"web/app/x.ts", "/** see docs/notes.md */", 1},
		{"web/app/x.ts", "// see scripts/notes.js", 1},
		{"internal/wire/doc.go", "// see test/arch/citations_test.go and server/pkg/rtc/notes.go", 0},
		{"internal/wire/doc.go", "// see internal/wire/notes.go, and others", 1},
	} {
		if got := missingFiles(tt.file, tt.text); len(got) != tt.missing {
			t.Errorf("%s: %q: found %q, want %d", tt.file, tt.text, got, tt.missing)
		}
	}
	for text, missing := range map[string]int{
		"(docs/protocol.md, 1.2)": 0, "(docs/protocol.md, 1.2 and 3.4)": 1, "(docs/protocol.md,\n\t// 3.4)": 1, "docs/protocol.md tells": 0,
	} {
		if got := missingSections(text, []string{"1.2"}); len(got) != missing {
			t.Errorf("%q: found %q, want %d", text, got, missing)
		}
	}
}
