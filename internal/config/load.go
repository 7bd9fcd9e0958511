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

// Source is where settings come from, besides the defaults.
type Source struct {
	File    string            // path of the YAML file; "" is that of MEET_CONFIG, or none
	DotEnv  string            // path of a file of variables; it need not exist
	Environ []string          // NAME=value, as os.Environ gives them; wins over DotEnv
	Flags   map[string]string // by key; wins over everything
}

// namedValue is a value and the name under which somebody gave it.
type namedValue struct{ name, value string }

// settingsLayer is what one source says, by key.
type settingsLayer map[string]namedValue

// Load reads every source. Its error joins all problems there are.
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
	if c.Dev {
		c.Keys = append(c.Keys, DevKey)
	}
	problems = append(problems, conflictingKeys(c.Keys)...)
	problems = append(problems, c.frontendProblems()...)
	return c, errors.Join(append(problems, c.webhookProblems()...)...)
}

// apply sets what a layer says. A layer that names keys replaces those of the layers beneath it.
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
			problems = append(problems, fmt.Errorf("%s: got %q, want %s", g.name, g.value, s.want))
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w; want %s", g.name, err, s.want))
		}
	}
	if c.Keys == nil {
		c.Keys, c.KeyFile = beneath, file
	}
	return problems
}

// conflictingKeys reports a key that two of the places a source names give different secrets.
func conflictingKeys(keys []Key) (problems []error) {
	secrets := map[string]string{}
	for _, k := range keys {
		if s, ok := secrets[k.Name]; ok && s != k.Secret {
			problems = append(problems, fmt.Errorf("keys: got two secrets for API key %q, want one", k.Name))
		}
		secrets[k.Name] = k.Secret
	}
	return problems
}

// webhookProblems reports keys that cannot sign for the receivers there are.
func (c *Config) webhookProblems() (problems []error) {
	if n := len(c.WebhookKeys); n > 1 && n != len(c.WebhookURLs) {
		problems = append(problems, fmt.Errorf("webhook_key: got %d keys for %d receivers, want one for all or one for each", n, len(c.WebhookURLs)))
	}
	for _, name := range c.WebhookKeys {
		if !slices.ContainsFunc(c.Keys, func(k Key) bool { return k.Name == name }) {
			problems = append(problems, fmt.Errorf("webhook_key: got %q, want an API key named by the settings, whose secret is known", name))
		}
	}
	return problems
}

// variables is the environment laid over the .env file, without the service links of Kubernetes.
func variables(src Source) (map[string]string, error) {
	vars := map[string]string{}
	if src.DotEnv != "" {
		text, err := readText(src.DotEnv)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		if vars, err = godotenv.UnmarshalBytes(text); err != nil {
			// The library's text quotes the line, which may hold a secret.
			return nil, fmt.Errorf("%s: got a line that is not NAME=value, want only such lines and comments", src.DotEnv)
		}
	}
	for _, v := range src.Environ {
		if name, value, _ := strings.Cut(v, "="); !isServiceLink(name, value) {
			vars[name] = value
		}
	}
	return vars, nil
}

// regionPrefix starts the variable that holds the address for one region.
const regionPrefix = "LIVEKIT_URL_"

// envLayer reads MEET_* and the names LiveKit's own tools use, which MEET_* win over.
func envLayer(vars map[string]string) (l settingsLayer, problems []error) {
	l = settingsLayer{}
	for _, prefix := range []string{"LK", "LIVEKIT"} {
		key, secret := prefix+"_API_KEY", prefix+"_API_SECRET"
		switch k, s := vars[key], vars[secret]; {
		case k != "" && s != "":
			l["keys"] = namedValue{key, asYAML(map[string]string{k: s})}
		case k != "":
			problems = append(problems, fmt.Errorf("%s: got no value, want the secret of %s", secret, key))
		case s != "":
			problems = append(problems, fmt.Errorf("%s: got no value, want the key that %s belongs to", key, secret))
		}
	}
	regions := map[string]string{}
	for name, value := range vars {
		region, ok := strings.CutPrefix(name, regionPrefix)
		switch {
		case !ok || region == "" || value == "":
		case !isServerURL(value):
			problems = append(problems, fmt.Errorf("%s: got %q, want an address, such as wss://live.example.org", name, value))
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

func (l settingsLayer) setVariable(vars map[string]string, key, name string) {
	if v := vars[name]; v != "" {
		l[key] = namedValue{name, v}
	}
}

// applyPort lets SERVER_PORT change the port alone, unless MEET_LISTEN says it all.
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

// fileLayer reads the YAML file.
func fileLayer(path string) (settingsLayer, []error) {
	text, err := readText(path)
	if err != nil {
		return nil, []error{fmt.Errorf("read settings: %w", err)}
	}
	var nodes map[string]yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&nodes); err != nil && !errors.Is(err, io.EOF) {
		return nil, []error{fmt.Errorf("%s: got something else than YAML settings, want \"name: value\" lines: %w", path, err)}
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

// asYAML writes pairs so that any text survives; JSON is YAML.
func asYAML(pairs map[string]string) string {
	b, err := json.Marshal(pairs)
	if err != nil {
		panic(err) // text always encodes
	}
	return string(b)
}

// SettingNames lists the settings by the names they have in a file.
func SettingNames() []string {
	all := make([]string, len(settings))
	for i, s := range settings {
		all[i] = s.key
	}
	return all
}
