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
	{regexp.MustCompile(`\b(no more|not more|at most|only) than so many\b|\bso many\b`), "the noun that is meant", "no more than so many bits"},
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

// proseOf returns the comments and messages of a source file, or the paragraphs of a document.
func proseOf(file, text string) ([]prose, error) {
	switch filepath.Ext(file) {
	case ".go":
		return proseOfGo(file, text)
	case ".md":
		return proseOfMarkdown(text), nil
	}
	var found []prose
	for i, line := range strings.Split(text, "\n") {
		if c := comment.FindString(line); c != "" {
			found = append(found, prose{i + 1, strings.TrimLeft(c, " \t/*#")})
		}
	}
	return found, nil
}

// proseOfGo returns the comments of a Go file and its string literals of three words or more.
func proseOfGo(file, text string) ([]prose, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var found []prose
	for _, group := range parsed.Comments {
		first := fset.Position(group.Pos()).Line
		for i, line := range strings.Split(strings.TrimSpace(group.Text()), "\n") {
			found = append(found, prose{first + i, line})
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

// proseOfMarkdown returns the lines of a document outside code.
func proseOfMarkdown(text string) []prose {
	var found []prose
	code := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		} else if !code {
			found = append(found, prose{i + 1, inlineCode.ReplaceAllString(line, "`x`")})
		}
	}
	return found
}

var inlineCode = regexp.MustCompile("`[^`]*`")

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
				wording := ph.wording.FindString(p.text)
				if wording == "" {
					continue
				}
				if i := exception(file, wording); i >= 0 {
					needed[i] = true
				} else {
					t.Errorf("%s:%d: %q: write %s", file, p.line, strings.TrimSpace(wording), ph.instead)
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
