package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// phrase is a wording that readers of this project had to read twice.
type phrase struct {
	wording *regexp.Regexp
	instead string // what to write
	example string // a text with the wording, for the test of the test
}

// phrases are the wordings that comments, documents and messages avoid.
var phrases = []phrase{
	{regexp.MustCompile(`\btells? (whether|if)\b`), `"reports whether"`, "tells whether the track is muted"},
	{regexp.MustCompile(`^\w+ (is|are) (what|why|where|who)\b`), "a noun phrase", "limited is what remains of the estimate"},
	{regexp.MustCompile(`\b(is|are|was|were|be|been|being|gets?) told\b`), `"is notified", or what is sent`, "the room is told"},
	{regexp.MustCompile(`(^|[.:;] )Of [a-z]`), "subject, verb, object", "Of a stream with layers it passes one"},
	{regexp.MustCompile(`(?i)\blikewise\b`), "the noun that is meant", "the other likewise"},
	{regexp.MustCompile(`\bso many\b`), "the noun that is meant", "no more than so many bits"},
	{regexp.MustCompile(`(?i)\bdoors?\b`), "the standard term", "the door of the room"},
	{regexp.MustCompile(`\b(is|are|was) over\b`), `"has ended"`, "when the call is over"},
	{regexp.MustCompile(`\banew\b`), `"again"`, "gathers them anew"},
	{regexp.MustCompile(`\bfor good\b`), `"permanently"`, "closed for good"},
	{regexp.MustCompile(`\blately\b`), "the period that is meant", "what was sent lately"},
	{regexp.MustCompile(`[;,.] [Nn]or (do|does|did|is|are|has|have|can|may|will)\b`), "a sentence of its own", "Sound never waits, nor do retransmissions"},
	{regexp.MustCompile(`\bsome \d`), `"about"`, "after some 3 s"},
	{regexp.MustCompile(`(?i)\b(whoever|whomever|whence|thereby|hereby|in vain)\b`), "a plain sentence", "whoever has the turn"},
	{regexp.MustCompile(`(?i)\bheard\b`), `"received"`, "nothing was heard from the client"},
	{regexp.MustCompile(`(?i)\b(hush|heirs?|likeness|portrait of|forsake[ns]?|forsook|strands?|stranded|rouse[ds]?)\b`), "the standard term", "hush the track"},
	{regexp.MustCompile(`(?i)\bpictures?( IDs?|-in-picture)?\b`), `"video", "frame" or "image"`, "the picture freezes"},
}

// exceptions lists the wordings that are allowed in some files. path is a file, a folder with a final slash, or "" for
// all files.
var exceptions = []struct{ path, wording, reason string }{
	{"", "picture id", "the field of VP8 payload descriptors (RFC 7741)"},
	{"", "picture-in-picture", "the W3C API"},
	{"internal/sfu/", "picture", "codecs call a coded image a picture (RFC 7741, RFC 9628)"},
	{"internal/mediafile/", "picture", "codecs call a coded image a picture (RFC 7741, RFC 9628)"},
	{"internal/client/payloader.go", "picture", "parameter sets and prediction of codecs (RFC 6184, RFC 9628)"},
	{"internal/client/subscribe.go", "picture", "picture loss indication (RFC 4585)"},
	{"README.md", "picture", "the HTML element"},
}

// prose is a comment, a message or a paragraph.
type prose struct {
	line int
	text string
}

// proseOf returns the comments and messages of a source file, or the paragraphs of a document or of another text.
func proseOf(file, text string) ([]prose, error) {
	switch filepath.Ext(file) {
	case ".go":
		return proseOfGo(file, text)
	case ".md":
		return paragraphs(markdownText(text)), nil
	case ".ts", ".tsx", ".js", ".mjs", ".templ", ".yaml": // whole lines, because they contain texts that people see
		return paragraphs(commentMark.ReplaceAllString(text, "")), nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = commentMark.ReplaceAllString(comment.FindString(line), "")
	}
	return paragraphs(strings.Join(lines, "\n")), nil
}

// proseOfGo returns the paragraphs of a Go file's comments, and its string literals of three words or more.
func proseOfGo(file, text string) ([]prose, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []prose
	for _, group := range parsed.Comments {
		for _, p := range paragraphs(strings.TrimSpace(group.Text())) {
			found = append(found, prose{fset.Position(group.Pos()).Line + p.line - 1, p.text})
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err == nil && strings.Count(value, " ") >= 2 {
			found = append(found, prose{fset.Position(literal.Pos()).Line, value})
		}
		return true
	})
	return found, nil
}

var (
	// commentMark matches the marks of comments at the beginning of lines.
	commentMark = regexp.MustCompile(`(?m)^[ \t]*(?://+|#+|/?\*+/?)[ \t]?`)
	inlineCode  = regexp.MustCompile("`[^`]*`")
	// ownParagraph matches lines that do not continue a sentence of the line before, such as items of lists and rows.
	ownParagraph = regexp.MustCompile(`^\s*(?:[-*|]|\d+\.|#)`)
)

// markdownText returns a document with code replaced: blocks by empty lines, and code in sentences by an x.
func markdownText(text string) string {
	lines := strings.Split(text, "\n")
	block := false
	for i, line := range lines {
		if fence := strings.HasPrefix(strings.TrimSpace(line), "```"); fence || block {
			block = block != fence
			lines[i] = ""
		} else {
			lines[i] = inlineCode.ReplaceAllString(line, "`x`")
		}
	}
	return strings.Join(lines, "\n")
}

// paragraphs joins the lines of each paragraph of a text. Empty lines separate paragraphs.
func paragraphs(text string) []prose {
	var found []prose
	joined := false // the line before belongs to the last paragraph of found
	for i, line := range strings.Split(text, "\n") {
		switch words := strings.TrimSpace(line); {
		case words == "":
			joined = false
		case joined && !ownParagraph.MatchString(line):
			found[len(found)-1].text += " " + words
		default:
			found = append(found, prose{i + 1, words})
			joined = true
		}
	}
	return found
}

// exception returns the index of the exception that allows a wording in a file, or -1 if there is none.
func exception(file, wording string) int {
	for i, e := range exceptions {
		inPath := e.path == "" || file == e.path || strings.HasSuffix(e.path, "/") && strings.HasPrefix(file, e.path)
		if inPath && strings.HasPrefix(strings.ToLower(wording), e.wording) {
			return i
		}
	}
	return -1
}

// TestProseContainsNoForbiddenPhrases fails for wordings that readers of this project had to read twice. It also fails
// for an entry of exceptions that no text needs any more.
func TestProseContainsNoForbiddenPhrases(t *testing.T) {
	needed := make([]bool, len(exceptions))
	for file, text := range textFiles(t) {
		if file == "test/arch/prose_test.go" {
			continue
		}
		found, err := proseOf(file, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found {
			for _, ph := range phrases {
				for _, wording := range ph.wording.FindAllString(p.text, -1) {
					if i := exception(file, wording); i >= 0 {
						needed[i] = true
					} else {
						t.Errorf("%s:%d: %q: write %s", file, p.line, strings.TrimSpace(wording), ph.instead)
					}
				}
			}
		}
	}
	for i, e := range exceptions {
		if !needed[i] {
			t.Errorf("nothing needs the exception of %q in %q", e.wording, e.path)
		}
	}
}

func TestEachForbiddenPhraseMatchesItsExample(t *testing.T) {
	for _, ph := range phrases {
		if !ph.wording.MatchString(ph.example) {
			t.Errorf("%v does not match its example %q", ph.wording, ph.example)
		}
	}
}

func TestProseIsReadFromEveryKindOfFile(t *testing.T) {
	tests := []struct{ file, text, want string }{
		{"a.go", "package a\n\n// A joins\n// lines.\n//\n// And paragraphs.\nvar a = \"three words long\"\n", "3: A joins lines. | 6: And paragraphs. | 7: three words long"},
		{"a.md", "# Title\nOne\nline.\n\n- an item\n- another `with code`\n```\ncode\n```\n", "1: # Title One line. | 5: - an item | 6: - another `x`"},
		{"a.tsx", "/** Says\n * so. */\n\n<p>Text of a page</p>\n", "1: Says so. */ | 4: <p>Text of a page</p>"},
		{"a.yaml", "# A comment\n\nsummary: A text\n", "1: A comment | 3: summary: A text"},
		{"a.sh", "# A comment\n# continues.\necho code\n", "1: A comment continues."},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			found, err := proseOf(tt.file, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range found {
				got = append(got, fmt.Sprintf("%d: %s", p.line, p.text))
			}
			if got := strings.Join(got, " | "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// testFunction matches the names of test functions. A comment on such a function need not begin with its name.
var testFunction = regexp.MustCompile(`^(Test|Fuzz|Benchmark)`)

// misnamedComments returns the functions of a file, except tests, whose comments do not begin with their names.
func misnamedComments(file, text string) ([]string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Doc == nil || testFunction.MatchString(f.Name.Name) {
			continue
		}
		words := strings.Fields(f.Doc.Text())
		if len(words) > 0 && strings.TrimRight(words[0], ":,") != f.Name.Name {
			found = append(found, fmt.Sprintf("%s:%d: the comment on %s does not begin with its name", file, fset.Position(f.Pos()).Line, f.Name.Name))
		}
	}
	return found, nil
}

func TestFunctionCommentsBeginWithTheName(t *testing.T) {
	for file, text := range textFiles(t) {
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_templ.go") {
			continue
		}
		found, err := misnamedComments(file, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	}
}

func TestCheckFindsFunctionCommentThatDoesNotBeginWithTheName(t *testing.T) {
	const text = "package p\n\n// Closes the port.\nfunc Close() {}\n\n// Open opens the port.\nfunc Open() {}\n"
	found, err := misnamedComments("p.go", text)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"p.go:4: the comment on Close does not begin with its name"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
