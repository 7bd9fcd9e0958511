package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// redacted replaces secrets in printed settings.
const redacted = "(hidden)"

// printedValues holds, for the key of each setting, a function that returns the value to print as YAML. If it returns
// nil, the setting is printed as a comment instead.
var printedValues = map[string]func(Config) any{
	"listen":                   func(c Config) any { return c.Listen },
	"data_dir":                 func(c Config) any { return c.DataDir },
	"node_ip":                  func(c Config) any { return orNil(c.NodeIP) },
	"stun_server":              func(c Config) any { return orNil(c.STUNServer) },
	"domain":                   func(c Config) any { return orNil(c.Domain) },
	"acme_email":               func(c Config) any { return orNil(c.ACMEEmail) },
	"acme_url":                 func(c Config) any { return publicURL(c.ACMEURL) },
	"acme_ca":                  func(c Config) any { return orNil(c.ACMECA) },
	"http_listen":              func(c Config) any { return c.printedHTTPListen() },
	"tls_cert":                 func(c Config) any { return orNil(c.TLSCert) },
	"tls_key":                  func(c Config) any { return orNil(c.TLSKey) },
	"lan":                      func(c Config) any { return c.LAN },
	"dev":                      func(c Config) any { return c.Dev },
	"keys":                     func(Config) any { return nil }, // printed by Config.comment
	"key_file":                 func(c Config) any { return orNil(c.KeyFile) },
	"livekit_url":              func(c Config) any { return publicURL(c.LiveKitURL) },
	"region_urls":              func(c Config) any { return publicURLs(c.RegionURLs) },
	"metrics_token":            func(Config) any { return nil }, // printed by Config.comment
	"allowed_origins":          func(c Config) any { return publicList(c.AllowedOrigins) },
	"trusted_proxies":          func(c Config) any { return listOrNil(c.TrustedProxies) },
	"base_path":                func(c Config) any { return orNil(c.BasePath) },
	"frontend_repository":      func(c Config) any { return orNil(c.FrontendRepository) },
	"frontend_branch":          func(c Config) any { return orNil(c.FrontendBranch) },
	"frontend_url":             func(c Config) any { return publicURL(c.FrontendURL) },
	"frontend_token":           func(Config) any { return nil }, // printed by Config.comment
	"frontend_api_url":         func(c Config) any { return publicURL(c.FrontendAPIURL) },
	"frontend_pages_url":       func(c Config) any { return publicURL(c.FrontendPagesURL) },
	"frontend_key":             func(c Config) any { return orNil(c.FrontendKey) },
	"frontend_update":          func(c Config) any { return c.FrontendUpdate },
	"remote_unmute":            func(c Config) any { return c.RemoteUnmute },
	"direct_rooms":             func(c Config) any { return c.DirectRooms },
	"webhook_url":              func(c Config) any { return publicList(c.WebhookURLs) },
	"webhook_key":              func(c Config) any { return c.webhookKeysKnown() },
	"webhook_private":          func(c Config) any { return c.WebhookPrivate },
	"subscription_limit_video": func(c Config) any { return c.SubscriptionLimitVideo },
	"subscription_limit_audio": func(c Config) any { return c.SubscriptionLimitAudio },
	"log_level":                func(c Config) any { return strings.ToLower(c.LogLevel.String()) },
}

// YAML returns the settings as a settings file that Load accepts. about returns the explanation of a setting, by its
// key.
//
// YAML prints a setting that contains a secret as a comment, with a placeholder for the secret. Thus Load does not take
// the placeholder for the secret.
func (c Config) YAML(about func(key string) string) (string, error) {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "# %s\n", oneLine(cmp.Or(about(s.key), s.want)))
		show := printedValues[s.key]
		if show == nil {
			return "", fmt.Errorf("print %s: printedValues has no function for it", s.key)
		}
		value := show(c)
		if value == nil {
			fmt.Fprintf(&b, "%s\n", c.comment(s.key))
			continue
		}
		line, err := yaml.Marshal(map[string]any{s.key: value})
		if err != nil {
			return "", fmt.Errorf("print %s: %w", s.key, err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// comment returns the comment that is printed for a setting if the function in printedValues returns nil.
func (c Config) comment(key string) string {
	lines := []string{"# " + key + ":"}
	switch {
	case key == "keys":
		for _, k := range c.Keys {
			if !c.Dev || k != DevKey {
				lines = append(lines, "#   "+oneLine(k.Name)+": "+redacted)
			}
		}
	case key == "metrics_token" && c.MetricsToken != "", key == "frontend_token" && c.FrontendToken != "":
		lines[0] += " " + redacted
	case key == "acme_url" && c.ACMEURL != "":
		lines[0] += " " + oneLine(redact(c.ACMEURL))
	case key == "livekit_url" && c.LiveKitURL != "":
		lines[0] += " " + oneLine(redact(c.LiveKitURL))
	case key == "frontend_url" && c.FrontendURL != "":
		lines[0] += " " + oneLine(redact(c.FrontendURL))
	case key == "region_urls":
		for _, region := range slices.Sorted(maps.Keys(c.RegionURLs)) {
			lines = append(lines, "#   "+oneLine(region)+": "+oneLine(redact(c.RegionURLs[region])))
		}
	case key == "webhook_url":
		for _, u := range c.WebhookURLs {
			lines = append(lines, "#   - "+oneLine(redact(u)))
		}
	case key == "webhook_key":
		for _, name := range c.WebhookKeys {
			lines = append(lines, "#   - "+oneLine(name))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// printedHTTPListen returns HTTPListen. If it is "", printedHTTPListen returns "off" for a server with a domain, because that
// has another default, and nil otherwise.
func (c Config) printedHTTPListen() any {
	if c.HTTPListen == "" && c.Domain != "" {
		return "off"
	}
	return orNil(c.HTTPListen)
}

// webhookKeysKnown returns WebhookKeys if the key file contains all of them. Otherwise it returns nil. The reason is
// that the printed settings contain no secrets, so that a webhook key that is not in the key file would be unknown
// when they are loaded.
func (c Config) webhookKeysKnown() any {
	if len(c.WebhookKeys) == 0 || c.KeyFile == "" {
		return nil
	}
	inFile, err := ReadKeyFile(c.KeyFile)
	for _, name := range c.WebhookKeys {
		if err != nil || !slices.ContainsFunc(inFile, func(k Key) bool { return k.Name == name }) {
			return nil
		}
	}
	return c.WebhookKeys
}

// redact returns a URL without a possible secret. If the URL contains a user, a query or a fragment, redact keeps
// only the scheme and the host.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return redacted
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return address
	}
	return u.Scheme + "://" + u.Host + "/" + redacted
}

// withoutSecret returns a value for an error message. If the value is meant as a URL, it may contain a password, so
// withoutSecret returns what redact leaves of it.
func withoutSecret(value string) string {
	if strings.Contains(value, "://") {
		return redact(value)
	}
	return value
}

// orNil returns s, or nil if it is empty.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// publicURL returns the URL, or nil if it is empty or may contain a secret.
func publicURL(address string) any {
	if redact(address) != address {
		return nil
	}
	return orNil(address)
}

// publicURLs returns the URLs, or nil if there are none or if one of them may contain a secret.
func publicURLs(byRegion map[string]string) any {
	for _, u := range byRegion {
		if redact(u) != u {
			return nil
		}
	}
	if len(byRegion) == 0 {
		return nil
	}
	return byRegion
}

// publicList returns the URLs, or nil if there are none or if one of them may contain a secret.
func publicList(urls []string) any {
	if slices.ContainsFunc(urls, func(u string) bool { return redact(u) != u }) {
		return nil
	}
	return listOrNil(urls)
}

// listOrNil returns the items, or nil if there are none.
func listOrNil[T any](items []T) any {
	if len(items) == 0 {
		return nil
	}
	return items
}

// oneLine replaces line breaks in a text that is printed in a comment.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
