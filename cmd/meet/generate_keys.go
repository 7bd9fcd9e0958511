package main

import (
	"fmt"

	"meet/internal/config"
)

type generateKeys struct{}

func (generateKeys) Help() string {
	return `It prints one "key: secret" line, in the format that --key-file and --keys expect.

Example:
  meet generate-keys > keys.yaml && chmod 600 keys.yaml && meet --key-file keys.yaml`
}

// Run prints a new API key and its secret.
func (generateKeys) Run(env environment) error {
	_, err := fmt.Fprint(env.stdout, config.NewKey().Line())
	return err
}
