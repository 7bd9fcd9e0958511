package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"meet/internal/config"
)

// keyFlags are the flags that choose the API key with which a command signs or verifies.
type keyFlags struct {
	keySettings
	APIKey    string `name:"api-key" help:"API key to use; the first configured key unless set (LIVEKIT_API_KEY)." placeholder:"KEY"`
	APISecret string `name:"api-secret" help:"Secret of --api-key, if it is not in the settings (LIVEKIT_API_SECRET)." placeholder:"SECRET"`
}

// check validates the flags before the settings are read.
func (k keyFlags) check() error {
	if k.APIKey == "" && k.APISecret != "" {
		return usageError{errors.New("--api-secret needs --api-key")}
	}
	return nil
}

// load reads the settings and returns the API keys to use. If --api-key and --api-secret are given, it returns only
// their key. If only --api-key is given, it returns the usable key with this name. Otherwise it returns all usable
// keys.
func (k keyFlags) load(env environment) (config.Config, []config.Key, error) {
	if err := k.check(); err != nil {
		return config.Config{}, nil, err
	}
	cfg, err := load(env, k.Config, k.flags())
	if err != nil {
		return cfg, nil, err
	}
	if k.APIKey != "" && k.APISecret != "" {
		return cfg, []config.Key{{Name: k.APIKey, Secret: k.APISecret}}, nil
	}
	keys, err := usableKeys(cfg)
	if err != nil || k.APIKey == "" {
		return cfg, keys, err
	}
	i := slices.IndexFunc(keys, func(c config.Key) bool { return c.Name == k.APIKey })
	if i < 0 {
		return cfg, nil, usageError{fmt.Errorf("--api-secret: no secret is configured for API key %q; give --api-secret", k.APIKey)}
	}
	return cfg, keys[i : i+1], nil
}

// usableKeys returns the configured API keys. If there are none, it returns the key that the server generated in the
// data folder, or nil if there is no such key.
func usableKeys(cfg config.Config) ([]config.Key, error) {
	if len(cfg.Keys) > 0 {
		return cfg.Keys, nil
	}
	keys, err := config.ReadKeyFile(cfg.GeneratedKeyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return keys, err
}

// signingKey returns the settings and the API key to sign with. It fails if there is no key.
func (k keyFlags) signingKey(env environment) (config.Config, config.Key, error) {
	cfg, keys, err := k.load(env)
	if err != nil {
		return cfg, config.Key{}, err
	}
	if len(keys) == 0 {
		return cfg, config.Key{}, usageError{fmt.Errorf("--api-key: no key is configured and there is none in %s yet; start the server once, or give --api-key and --api-secret", cfg.DataDir)}
	}
	return cfg, keys[0], nil
}
