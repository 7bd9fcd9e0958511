package main

import (
	"embed"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// The scripts are made from the commands themselves. kong's completion libraries run the program at every press of the
// key and bring four more modules; a script that knows all words needs neither.
//
//go:embed completion/*.tmpl
var completionScripts embed.FS

type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (completion) Help() string {
	return `The script says in its first lines how to keep it.

Example:
  source <(meet completion bash)`
}

// Run prints the script.
func (c completion) Run(parsed *kong.Context, env environment) error {
	scripts, err := template.New("").Funcs(template.FuncMap{
		"join": strings.Join, "quote": shellQuote, "brackets": zshHelp, "colons": zshColons, "action": zshAction,
	}).ParseFS(completionScripts, "completion/*.tmpl")
	if err != nil {
		return err
	}
	return scripts.ExecuteTemplate(env.stdout, c.Shell+".tmpl", newCompletionModel(parsed.Model))
}

// completionModel is what there is to complete.
type completionModel struct {
	Name  string
	Verbs []completionVerb
}

type completionVerb struct {
	Name, Help string
	Default    bool // runs when none is named
	Flags      []completionFlag
	Arguments  []string // what its argument may be, where that is known
}

// Words are all that can follow the verb.
func (v completionVerb) Words() []string {
	words := slices.Clone(v.Arguments)
	for _, f := range v.Flags {
		words = append(words, "--"+f.Name)
	}
	return words
}

type completionFlag struct {
	Name, Help       string
	HasValue, IsPath bool     // a value follows; it is a path
	Values           []string // which, where that is known
}

func newCompletionModel(app *kong.Application) completionModel {
	m := completionModel{Name: app.Name}
	for _, verb := range app.Leaves(true) {
		v := completionVerb{Name: verb.Name, Help: verb.Help, Default: verb == app.DefaultCmd}
		for _, group := range verb.AllFlags(true) {
			for _, f := range group {
				v.Flags = append(v.Flags, completionFlags(f)...)
			}
		}
		if len(verb.Positional) > 0 {
			v.Arguments = values(verb.Positional[0])
		}
		m.Verbs = append(m.Verbs, v)
	}
	return m
}

// completionFlags are a flag and, where it has one, its opposite.
func completionFlags(f *kong.Flag) []completionFlag {
	flag := completionFlag{Name: f.Name, Help: f.Help, HasValue: !f.IsBool(), IsPath: f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR", Values: values(f.Value)}
	if f.Tag.Negatable == "" {
		return []completionFlag{flag}
	}
	return []completionFlag{flag, {Name: "no-" + f.Name, Help: "Not --" + f.Name + "."}}
}

// values are what a flag or an argument may be, where its tag lists that.
func values(v *kong.Value) []string {
	return slices.DeleteFunc(strings.Split(v.Tag.Enum, ","), func(s string) bool { return s == "" })
}

// shellQuote returns s as one word of bash, zsh and fish. Quoting libraries know POSIX shells only; this form is also read by
// fish, as long as s has no backslash, which fish alone interprets between single quotes.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// zshHelp is a flag's help as _arguments wants it.
func zshHelp(s string) string {
	return "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(s) + "]"
}

func zshColons(s string) string { return strings.ReplaceAll(s, ":", `\:`) }

// zshAction is what may follow a flag.
func zshAction(f completionFlag) string {
	switch {
	case len(f.Values) > 0:
		return ":value:(" + strings.Join(f.Values, " ") + ")"
	case f.IsPath:
		return ":file:_files"
	case f.HasValue:
		return ":value:"
	}
	return ""
}
