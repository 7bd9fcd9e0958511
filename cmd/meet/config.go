package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type configCommand struct{ serverSettings }

func (configCommand) Help() string {
	return `The settings come from the same places as those of the server: flags, MEET_ variables, .env and --config. What is
printed is a file for --config. Secrets are hidden: they stand there as comments.

Example:
  meet config --listen :9000 > meet.yaml`
}

// Run prints the settings as YAML. The comment above each setting is the help text of its flag.
func (c configCommand) Run(parsed *kong.Context, env environment) error {
	cfg, err := load(env, c.Config, c.flags())
	if err != nil {
		return err
	}
	yaml, err := cfg.YAML(func(key string) string {
		if key == "region_urls" { // the only setting without a flag
			return "Servers that browsers of a region are sent to, as \"region: address\" lines (LIVEKIT_URL_<REGION>)."
		}
		for _, f := range parsed.Selected().Flags {
			if f.Name == strings.ReplaceAll(key, "_", "-") {
				return f.Help
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(env.stdout, "# Settings of Meet. Without keys, the server uses the pair it made for itself in the data folder.\n\n", yaml)
	return err
}
