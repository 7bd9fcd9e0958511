// Command sample draws doc comments and test names at random, to be read by people who have not seen the code.
//
// The readers count those that need a second reading. The draw depends only on the seed and the files, so it can be
// repeated:
//
//	go run ./test/prose/sample -comments 120 -tests 60 -seed 15 .
package main

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// item is one comment or one test name.
type item struct {
	pkg  string // the folder of the package, relative to the root
	decl string // the first line of the declaration; "" for a package comment
	text string
}

func main() {
	comments := flag.Int("comments", 120, "number of doc comments to draw")
	tests := flag.Int("tests", 60, "number of test names to draw")
	perPackage := flag.Int("per-package", 0, "draw this many doc comments of each package, and no test names")
	seed := flag.Uint64("seed", 15, "seed of the draw")
	flag.Parse()
	root := cmp.Or(flag.Arg(0), ".")
	if err := run(root, *comments, *tests, *perPackage, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

// run draws and prints samples. If perPackage is positive, it draws that many comments of each package and no test
// names.
func run(root string, comments, tests, perPackage int, seed uint64) error {
	docs, names, err := collect(root)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(seed, 0))
	if perPackage > 0 {
		groups := make(map[string][]item)
		var order []string
		for _, d := range docs {
			if groups[d.pkg] == nil {
				order = append(order, d.pkg)
			}
			groups[d.pkg] = append(groups[d.pkg], d)
		}
		for _, pkg := range order {
			printItems("comment", draw(random, groups[pkg], perPackage))
		}
		return nil
	}
	printItems("comment", draw(random, docs, comments))
	printItems("test", draw(random, names, tests))
	return nil
}

// draw returns n of the items in random order, or all if there are fewer.
func draw(random *rand.Rand, items []item, n int) []item {
	items = slices.Clone(items)
	random.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items[:min(n, len(items))]
}

// printItems prints items with their packages and declarations.
func printItems(kind string, items []item) {
	for i, it := range items {
		fmt.Printf("## %s %d, package %s\n%s\n", kind, i+1, it.pkg, it.text)
		if it.decl != "" {
			fmt.Printf("    %s\n", it.decl)
		}
		fmt.Println()
	}
}

// collect returns the doc comments and the names of tests below root, in the order of their files.
func collect(root string) (docs, names []item, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || path != root && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if file.Doc != nil {
			docs = append(docs, item{pkg: pkg, text: file.Doc.Text()})
		}
		for _, decl := range file.Decls {
			ds, ns := fromDeclaration(fset, pkg, decl)
			docs, names = append(docs, ds...), append(names, ns...)
		}
		return nil
	})
	return docs, names, err
}

// fromDeclaration returns the doc comments of a declaration and of its fields and methods, and its name if it is a test
// function.
func fromDeclaration(fset *token.FileSet, pkg string, decl ast.Decl) (docs, names []item) {
	add := func(doc *ast.CommentGroup, node any) {
		if doc != nil && strings.TrimSpace(doc.Text()) != "" {
			docs = append(docs, item{pkg, firstLine(fset, node), strings.TrimSpace(doc.Text())})
		}
	}
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if strings.HasPrefix(decl.Name.Name, "Test") && decl.Recv == nil && decl.Name.Name != "TestMain" {
			names = append(names, item{pkg: pkg, text: decl.Name.Name})
		}
		bare := *decl
		bare.Doc, bare.Body = nil, nil
		add(decl.Doc, &bare)
	case *ast.GenDecl:
		bare := *decl
		bare.Doc = nil
		add(decl.Doc, &bare)
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				add(spec.Doc, spec)
				ast.Inspect(spec.Type, func(n ast.Node) bool {
					if field, ok := n.(*ast.Field); ok {
						add(field.Doc, field)
					}
					return true
				})
			case *ast.ValueSpec:
				add(spec.Doc, spec)
			}
		}
	}
	return docs, names
}

// firstLine returns the first line of a declaration in gofmt's format.
func firstLine(fset *token.FileSet, node any) string {
	var b strings.Builder
	if field, ok := node.(*ast.Field); ok {
		for i, name := range field.Names {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name.Name)
		}
		b.WriteString(" ")
		node = field.Type
	}
	if err := printer.Fprint(&b, fset, node); err != nil {
		return ""
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			return line
		}
	}
	return ""
}
