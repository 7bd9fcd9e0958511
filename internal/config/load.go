package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/joho/godotenv"
	"go.yaml.in/yaml/v3"
)

// Source lists the sources of settings besides the defaults.
type Source struct {
	File    string            // path of the YAML file; if "", that of MEET_CONFIG, if any
	DotEnv  string            // path of a file of variables, which need not exist
	Environ []string          // variables as NAME=value, as from os.Environ; they take precedence over DotEnv
	Flags   map[string]string // flag values by setting key; they take precedence over all other sources
}

// namedValue is the value of a setting and, for error messages, the name of the flag, the variable or the key under
// which it was given.
type namedValue struct{ name, value string }

// settingsLayer holds the settings of one source, by key.
type settingsLayer map[string]namedValue

// Load loads the settings from all sources. The error joins all problems.
func Load(src Source) (Config, error) {
	vars, err := variables(src)
	if err != nil {
		return Config{}, err
	}
	env, problems := envLayer(vars)
	file := settingsLayer{}
	path := src.File
	if path == "" {
		path = vars[fileVariable]
	}
	if path != "" {
		var found []error
		file, found = fileLayer(path)
		problems = append(found, problems...)
	}
	flags := settingsLayer{}
	for key, value := range src.Flags {
		flags[key] = namedValue{"--" + strings.ReplaceAll(key, "_", "-"), value}
	}

	c := Default()
	c.UnknownVariables = unknownVariables(vars)
	problems = append(problems, c.apply(file)...)
	problems = append(problems, c.apply(env)...)
	problems = append(problems, c.applyPort(vars)...)
	problems = append(problems, c.apply(flags)...)
	isSet := func(key string) bool { return file[key].value+env[key].value+flags[key].value != "" }
	c.applyDomainDefaults(isSet("listen") || vars["SERVER_PORT"] != "", isSet("http_listen"))
	if c.Dev {
		c.Keys = append(c.Keys, DevKey)
	}
	problems = append(problems, conflictingKeys(c.Keys)...)
	problems = append(problems, c.tlsProblems()...)
	problems = append(problems, c.frontendProblems()...)
	return c, errors.Join(append(problems, c.webhookProblems()...)...)
}

// apply applies the settings of a layer. If the layer has API keys, they replace those of earlier layers.
func (c *Config) apply(l settingsLayer) (problems []error) {
	beneath, file := c.Keys, c.KeyFile
	c.Keys, c.KeyFile = nil, ""
	for _, s := range settings {
		g, ok := l[s.key]
		if !ok || g.value == "" {
			continue
		}
		switch err := s.set(c, g.value); {
		case errors.Is(err, errValue):
			problems = append(problems, fmt.Errorf("%s: got %q, want %s", g.name, withoutSecret(g.value), s.want))
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w; want %s", g.name, err, s.want))
		}
	}
	if c.Keys == nil {
		c.Keys, c.KeyFile = beneath, file
	}
	return problems
}

// conflictingKeys returns an error for each API key that was given twice with different secrets.
func conflictingKeys(keys []Key) (problems []error) {
	secrets := map[string]string{}
	for _, k := range keys {
		if s, ok := secrets[k.Name]; ok && s != k.Secret {
			problems = append(problems, fmt.Errorf("keys: API key %q has two secrets; give one", k.Name))
		}
		secrets[k.Name] = k.Secret
	}
	return problems
}

// webhookProblems returns an error if the webhook keys do not match the webhook URLs or the API keys.
func (c *Config) webhookProblems() (problems []error) {
	if n := len(c.WebhookKeys); n > 1 && n != len(c.WebhookURLs) {
		problems = append(problems, fmt.Errorf("webhook_key: got %d keys for %d webhook URLs, want one for all or one for each", n, len(c.WebhookURLs)))
	}
	for _, name := range c.WebhookKeys {
		if !slices.ContainsFunc(c.Keys, func(k Key) bool { return k.Name == name }) {
			problems = append(problems, fmt.Errorf("webhook_key: got %q, want an API key in the settings", name))
		}
	}
	return problems
}

// variables returns the environment variables, without those that Kubernetes adds for services. Variables that are
// not set have the values in the .env file.
func variables(src Source) (map[string]string, error) {
	vars := map[string]string{}
	if src.DotEnv != "" {
		text, err := readText(src.DotEnv)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		if vars, err = godotenv.UnmarshalBytes(text); err != nil {
			// godotenv's error contains the line, which may hold a secret.
			return nil, fmt.Errorf("%s: got an invalid line, want only NAME=value lines and comments", src.DotEnv)
		}
	}
	for _, v := range src.Environ {
		if name, value, _ := strings.Cut(v, "="); !isServiceLink(name, value) {
			vars[name] = value
		}
	}
	return vars, nil
}

// regionPrefix is the prefix of variables that set the signalling server of a region.
const regionPrefix = "LIVEKIT_URL_"

// envLayer returns the settings in MEET_ variables and in the variables of LiveKit's tools. MEET_ variables take
// precedence.
func envLayer(vars map[string]string) (l settingsLayer, problems []error) {
	l = settingsLayer{}
	for _, prefix := range []string{"LK", "LIVEKIT"} {
		key, secret := prefix+"_API_KEY", prefix+"_API_SECRET"
		switch k, s := vars[key], vars[secret]; {
		case k != "" && s != "":
			l["keys"] = namedValue{key, asYAML(map[string]string{k: s})}
		case k != "":
			problems = append(problems, fmt.Errorf("%s is empty; set the secret of %s", secret, key))
		case s != "":
			problems = append(problems, fmt.Errorf("%s is empty; set the API key of %s", key, secret))
		}
	}
	regions := map[string]string{}
	for name, value := range vars {
		region, ok := strings.CutPrefix(name, regionPrefix)
		switch {
		case !ok || region == "" || value == "":
		case !isServerURL(value):
			problems = append(problems, fmt.Errorf("%s: got %q, want a URL such as wss://live.example.org", name, withoutSecret(value)))
		default:
			regions[region] = value
		}
	}
	if len(regions) > 0 {
		l["region_urls"] = namedValue{regionPrefix + "<REGION>", asYAML(regions)}
	}
	l.setVariable(vars, "keys", "LIVEKIT_KEYS")
	l.setVariable(vars, "livekit_url", "LIVEKIT_URL")
	for _, s := range settings {
		l.setVariable(vars, s.key, variable(s.key))
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return l, problems
}

// setVariable sets the setting with this key to the value of the variable with this name, if the value is not empty.
func (l settingsLayer) setVariable(vars map[string]string, key, name string) {
	if v := vars[name]; v != "" {
		l[key] = namedValue{name, v}
	}
}

// applyPort replaces the port of Listen by SERVER_PORT, unless MEET_LISTEN is set.
func (c *Config) applyPort(vars map[string]string) []error {
	port := vars["SERVER_PORT"]
	if port == "" || vars["MEET_LISTEN"] != "" {
		return nil
	}
	if checkPort(port) != nil {
		return []error{fmt.Errorf("SERVER_PORT: got %q, want a port from 0 to 65535", port)}
	}
	host := c.Listen[:strings.LastIndex(c.Listen, ":")]
	c.Listen = host + ":" + port
	return nil
}

// fileLayer returns the settings in the YAML file.
func fileLayer(path string) (settingsLayer, []error) {
	text, err := readText(path)
	if err != nil {
		return nil, []error{fmt.Errorf("read settings: %w", err)}
	}
	var nodes map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, []error{fmt.Errorf("%s: got invalid YAML, want \"name: value\" lines: %w", path, err)}
	}
	l := settingsLayer{}
	var problems []error
	for key, node := range nodes {
		if !isSetting(key) {
			problems = append(problems, fmt.Errorf("%s: got an unknown setting in %s, want one of %s", key, path, strings.Join(SettingNames(), ", ")))
			continue
		}
		if node.Kind == yaml.ScalarNode {
			l[key] = namedValue{key, node.Value}
			continue
		}
		value, err := yaml.Marshal(&node)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: read %s: %w", key, path, err))
			continue
		}
		l[key] = namedValue{key, string(value)}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return l, problems
}

// asYAML encodes pairs as a JSON object, which is also valid YAML. With JSON's quotes, any text can be a value.
func asYAML(pairs map[string]string) string {
	b, err := json.Marshal(pairs)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(b)
}

// SettingNames returns the names of all settings, as in the settings file.
func SettingNames() []string {
	all := make([]string, len(settings))
	for i, s := range settings {
		all[i] = s.key
	}
	return all
}
