package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// setting is one setting. Its key is its name in the settings file. The name of the environment variable is the key
// in upper case with the prefix MEET_. The name of the flag is the key with hyphens.
type setting struct {
	key  string
	want string // completes the message "got X, want …"
	set  func(c *Config, value string) error
}

// errValue is returned for an invalid value. The caller adds the value to the message.
var errValue = errors.New("invalid value")

// settings lists all settings. The settings of a source are applied in this order: key_file follows keys because it
// adds to them.
var settings = []setting{
	{"listen", `host:port, such as ":8080" or "127.0.0.1:8080"`, setListen},
	{"data_dir", "a folder", func(c *Config, v string) error { c.DataDir = v; return nil }},
	{"node_ip", "an IP address that browsers can reach, without port or zone, such as 192.0.2.10", setNodeIP},
	{"stun_server", "host:port of a STUN server, such as stun.example.org:3478", setSTUNServer},
	{"domain", "a DNS name of this machine, such as meet.example.org", setDomain},
	{"acme_email", "an email address", setACMEEmail},
	{"acme_url", "the URL of an ACME directory", setAddress(func(c *Config) *string { return &c.ACMEURL })},
	{"acme_ca", "a file of certificates in PEM", func(c *Config, v string) error { c.ACMECA = v; return nil }},
	{"http_listen", `host:port, such as ":80", or off`, setHTTPListen},
	{"tls_cert", "a file with a certificate and its chain in PEM", func(c *Config, v string) error { c.TLSCert = v; return nil }},
	{"tls_key", "a file with the certificate's private key in PEM", func(c *Config, v string) error { c.TLSKey = v; return nil }},
	{"lan", "true or false", setLAN},
	{"dev", "true or false", setDev},
	{"keys", `"key: secret" lines`, setKeys},
	{"key_file", `a file of "key: secret" lines that only its owner can access`, setKeyFile},
	{"livekit_url", "a URL such as wss://live.example.org", setLiveKitURL},
	{"region_urls", `"region: URL" lines`, setRegionURLs},
	{"allowed_origins", "origins such as https://example.org, separated by commas or one a line", setAllowedOrigins},
	{"trusted_proxies", "addresses or networks such as 192.0.2.0/24, separated by commas or one a line", setTrustedProxies},
	{"base_path", `a path, such as "/meet"`, setBasePath},
	{"frontend_repository", "a GitHub repository, as owner/name", setFrontendRepository},
	{"frontend_branch", "the name of a branch without spaces", setFrontendBranch},
	{"frontend_url", "an http or https URL of a folder with a manifest.json", setAddress(func(c *Config) *string { return &c.FrontendURL })},
	{"frontend_token", "a token without spaces", setFrontendToken},
	{"frontend_api_url", "the URL of a GitHub Enterprise Server", setAddress(func(c *Config) *string { return &c.FrontendAPIURL })},
	{"frontend_pages_url", "an http or https URL", setAddress(func(c *Config) *string { return &c.FrontendPagesURL })},
	{"frontend_key", "a public key of minisign, 56 characters that begin with RW", setFrontendKey},
	{"frontend_update", "off, start or hourly", setFrontendUpdate},
	{"remote_unmute", "true or false", setRemoteUnmute},
	{"direct_rooms", "true or false", setDirectRooms},
	{"webhook_url", "http or https URLs, one a line", setWebhookURLs},
	{"webhook_key", "one of the API keys, or one for each webhook_url, one a line", setWebhookKeys},
	{"webhook_private", "true or false", setWebhookPrivate},
	{"metrics_token", "a secret of at least 16 characters without spaces", setMetricsToken},
	{"subscription_limit_video", "a number of tracks, 0 for no limit", setLimit(func(c *Config) *int { return &c.SubscriptionLimitVideo })},
	{"subscription_limit_audio", "a number of tracks, 0 for no limit", setLimit(func(c *Config) *int { return &c.SubscriptionLimitAudio })},
	{"log_level", "debug, info, warn or error", setLogLevel},
}

// isSetting reports whether a setting has this key.
func isSetting(key string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.key == key })
}

func setListen(c *Config, v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return errValue
	}
	if err := checkPort(port); err != nil {
		return err
	}
	c.Listen = v
	return nil
}

func checkPort(v string) error {
	if _, err := strconv.ParseUint(v, 10, 16); err != nil {
		return errValue
	}
	return nil
}

func setNodeIP(c *Config, v string) error {
	ip, err := netip.ParseAddr(v)
	ip = ip.Unmap()
	// An address with a zone, such as fe80::1%eth0, is valid on this machine only (RFC 4007, section 6).
	if err != nil || ip.Zone() != "" || !ip.IsGlobalUnicast() && !ip.IsLoopback() {
		return errValue
	}
	c.NodeIP = ip.String()
	return nil
}

func setDev(c *Config, v string) (err error) {
	if c.Dev, err = strconv.ParseBool(v); err != nil {
		return errValue
	}
	return nil
}

// setLimit returns a function that parses a number of tracks and stores it in a field.
func setLimit(field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil {
			return errValue
		}
		*field(c) = int(n)
		return nil
	}
}

func setKeys(c *Config, v string) error {
	keys, err := parseKeys([]byte(v))
	if err != nil {
		return err
	}
	c.Keys = append(c.Keys, keys...)
	return nil
}

func setKeyFile(c *Config, v string) error {
	keys, err := ReadKeyFile(v)
	if err != nil {
		return err
	}
	c.KeyFile = v
	c.Keys = append(c.Keys, keys...)
	return nil
}

func setLiveKitURL(c *Config, v string) error {
	if !isServerURL(v) {
		return errValue
	}
	c.LiveKitURL = v
	return nil
}

func setRegionURLs(c *Config, v string) error {
	pairs, err := parsePairs([]byte(v))
	if err != nil {
		return err
	}
	urls := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if !isServerURL(p.value) {
			return errValue
		}
		urls[regionKey(p.name)] = p.value
	}
	c.RegionURLs = urls
	return nil
}

func setDirectRooms(c *Config, v string) (err error) {
	if c.DirectRooms, err = strconv.ParseBool(v); err != nil {
		return errValue
	}
	return nil
}

func setRemoteUnmute(c *Config, v string) (err error) {
	if c.RemoteUnmute, err = strconv.ParseBool(v); err != nil {
		return errValue
	}
	return nil
}

// errWeak is returned for a weak secret. Its text does not contain the value, because that may be a secret in use.
var errWeak = errors.New("got a weak secret")

func setMetricsToken(c *Config, v string) error {
	if len(v) < 16 || strings.ContainsFunc(v, unicode.IsSpace) {
		return errWeak
	}
	c.MetricsToken = v
	return nil
}

func setWebhookURLs(c *Config, v string) error {
	c.WebhookURLs = nil
	for _, line := range parseLines(v) {
		u, err := url.Parse(line)
		if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return errValue
		}
		c.WebhookURLs = append(c.WebhookURLs, line)
	}
	return nil
}

func setWebhookKeys(c *Config, v string) error { c.WebhookKeys = parseLines(v); return nil }

func setWebhookPrivate(c *Config, v string) (err error) {
	if c.WebhookPrivate, err = strconv.ParseBool(v); err != nil {
		return errValue
	}
	return nil
}

// parseLines parses a list with one item on each line, or a YAML list.
func parseLines(v string) []string {
	var list []string
	if yaml.Unmarshal([]byte(v), &list) == nil {
		return list
	}
	for line := range strings.Lines(v) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

func setLogLevel(c *Config, v string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[strings.ToLower(v)]
	if !ok {
		return errValue
	}
	c.LogLevel = level
	return nil
}

// isServerURL reports whether v is a URL that browsers can use for signalling.
func isServerURL(v string) bool {
	u, err := url.Parse(v)
	// Browsers do not support zones: https://url.spec.whatwg.org/#concept-ipv6-parser
	return err == nil && u.Hostname() != "" && !strings.Contains(u.Hostname(), "%") && slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme)
}
