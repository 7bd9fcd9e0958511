package main

import (
	"fmt"

	"meet/internal/config"
)

type generateKeys struct{}

func (generateKeys) Help() string {
	return `It prints one "key: secret" line, the format of --key-file and --keys.

Example:
  meet generate-keys > keys.yaml && chmod 600 keys.yaml && meet --key-file keys.yaml`
}

// Run prints a new API key and its secret.
func (generateKeys) Run(env environment) error {
	_, err := fmt.Fprint(env.stdout, config.NewKey().Line())
	return err
}
