package main

import (
	"embed"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// completionScripts holds the templates of the completion scripts, which are filled with the commands and flags. The
// completion libraries for kong would add four dependencies, and their scripts run the program for every completion.
// Static scripts avoid both.
//
//go:embed completion/*.tmpl
var completionScripts embed.FS

type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"Shell: bash, zsh or fish."`
}

func (completion) Help() string {
	return `Comments at the top of the script explain how to install it.

Example:
  source <(meet completion bash)`
}

// Run prints the completion script for the shell.
func (c completion) Run(parsed *kong.Context, env environment) error {
	scripts, err := template.New("").Funcs(template.FuncMap{
		"join": strings.Join, "quote": shellQuote, "brackets": zshHelp, "colons": zshColons, "action": zshAction,
	}).ParseFS(completionScripts, "completion/*.tmpl")
	if err != nil {
		return err
	}
	return scripts.ExecuteTemplate(env.stdout, c.Shell+".tmpl", newCompletionModel(parsed.Model))
}

// completionModel is the data of the completion templates: the program's commands and their flags.
type completionModel struct {
	Name  string
	Verbs []completionVerb
}

// completionVerb is the completion of one command.
type completionVerb struct {
	Name, Help string
	Default    bool // the command that runs when none is named
	Flags      []completionFlag
	Arguments  []string // permitted values of the first argument, if its tag lists them
}

// Words returns everything that can follow the command on the command line: its arguments and flags.
func (v completionVerb) Words() []string {
	words := slices.Clone(v.Arguments)
	for _, f := range v.Flags {
		words = append(words, "--"+f.Name)
	}
	return words
}

// completionFlag is the completion of one flag.
type completionFlag struct {
	Name, Help       string
	HasValue, IsPath bool     // HasValue: the flag takes a value; IsPath: the value is a file or folder
	Values           []string // permitted values, if the flag's tag lists them
}

// newCompletionModel collects the commands and flags of the program.
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

// completionFlags returns the completion entry of a flag and, if the flag is negatable, the entry of its --no- form.
func completionFlags(f *kong.Flag) []completionFlag {
	flag := completionFlag{Name: f.Name, Help: f.Help, HasValue: !f.IsBool(), IsPath: f.PlaceHolder == "FILE" || f.PlaceHolder == "DIR", Values: values(f.Value)}
	if f.Tag.Negatable == "" {
		return []completionFlag{flag}
	}
	return []completionFlag{flag, {Name: "no-" + f.Name, Help: "Turns off --" + f.Name + "."}}
}

// values returns the permitted values of a flag or argument, or nil if its tag lists none.
func values(v *kong.Value) []string {
	return slices.DeleteFunc(strings.Split(v.Tag.Enum, ","), func(s string) bool { return s == "" })
}

// shellQuote returns s as one quoted word for bash, zsh and fish. s must not contain a backslash: only fish
// interprets it between single quotes. Existing Go quoting libraries support POSIX shells but not fish.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// zshHelp formats a flag's help text for zsh's _arguments.
func zshHelp(s string) string {
	return "[" + strings.NewReplacer("[", `\[`, "]", `\]`).Replace(s) + "]"
}

// zshColons escapes colons, which separate the fields of zsh's _describe.
func zshColons(s string) string { return strings.ReplaceAll(s, ":", `\:`) }

// zshAction returns the part of an _arguments specification that completes the flag's value, or "" if it takes none.
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
