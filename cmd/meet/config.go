package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type configCommand struct{ serverSettings }

func (configCommand) Help() string {
	return `The settings come from the same sources as the server's: flags, MEET_ variables, .env and --config. The output is a file
for --config. Secrets are hidden; their settings are printed as comments.

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
			return "Signalling server for browsers of each region, as \"region: URL\" lines (LIVEKIT_URL_<REGION>)."
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
	_, err = fmt.Fprint(env.stdout, "# Settings of Meet. Without keys, the server uses the API key that it generated in the data folder.\n\n", yaml)
	return err
}
