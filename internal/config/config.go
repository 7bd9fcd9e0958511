package config

import (
	"cmp"
	"log/slog"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Config is every setting of a server.
type Config struct {
	Listen   string     // host:port, TCP and UDP; port 0 picks a free one
	DataDir  string     // keys and the store live here
	NodeIP   string     // the address media is offered on; "" offers those of this machine
	Dev      bool       // the well-known key devkey is valid
	LogLevel slog.Level // the least severe line that is logged

	// Keys are the configured API keys; the first signs what the server makes. Empty: the server's own pair.
	Keys    []Key
	KeyFile string // where some or all of Keys were read from, "" if nowhere

	LiveKitURL string            // where browsers are sent for signalling; "" is this server
	RegionURLs map[string]string // by region, as regionKey spells it; instead of LiveKitURL

	// How many tracks of a kind one participant may receive at once, further ones waiting; 0 is without limit. For hosts
	// whose people have weak machines or lines.
	SubscriptionLimitVideo, SubscriptionLimitAudio int

	MetricsToken string // the Bearer token for /metrics; "" opens it to this machine if Listen is loopback, else to nobody

	RemoteUnmute bool // server APIs may unmute people, not only mute them

	DirectRooms bool // two who are alone in a meeting may talk without this server in between

	// AllowedOrigins are the other sites whose pages may use /token, /api/ and /rtc, as browsers spell them, such as
	// "https://example.org". Empty: all sites.
	AllowedOrigins []string

	// TrustedProxies are the networks of reverse proxies that name the client in X-Forwarded-For or Forwarded, such as
	// 192.0.2.0/24. Empty: loopback, link-local and private addresses.
	TrustedProxies []netip.Prefix

	BasePath string // the path that the site stands under, such as /meet; "" is the top of the host

	// Where newer builds of the front end are found: a repository of GitHub's, or any address; neither is nowhere.
	FrontendRepository, FrontendURL string
	FrontendBranch                  string // of the repository; "" is where GitHub Pages sites are
	FrontendToken                   string // for the repository's server
	FrontendAPIURL                  string // of a GitHub Enterprise Server
	FrontendPagesURL                string // where Pages serves the branch, if not in the usual place
	FrontendKey                     string // minisign's public key that must have signed the builds; "" takes unsigned ones too
	FrontendUpdate                  string // when the server takes them by itself: off, start or hourly

	WebhookURLs    []string // receivers of what happens in rooms
	WebhookKeys    []string // names of the API keys that sign for them: one for all or one for each; the first of Keys when empty
	WebhookPrivate bool     // receivers' names may lead to private addresses

	UnknownVariables []UnknownVariable // MEET_ variables that set nothing, by name
}

// Key is an API key and its secret.
type Key struct{ Name, Secret string }

// DevKey is valid on a server started with --dev, and known to everybody.
var DevKey = Key{"devkey", "secret"}

// Default returns the settings of a server that was told nothing.
func Default() Config {
	return Config{Listen: ":8080", DataDir: "meet-data", FrontendUpdate: "off", LogLevel: slog.LevelInfo}
}

// FrontendDir is where builds of the front end are kept that were taken.
func (c Config) FrontendDir() string { return filepath.Join(c.DataDir, "frontend") }

// GeneratedKeyFile is where the server keeps the key pair it made for itself.
func (c Config) GeneratedKeyFile() string { return filepath.Join(c.DataDir, "keys.yaml") }

// ServerURL is where browsers in a region are sent for signalling; "" is this server.
func (c Config) ServerURL(region string) string {
	return cmp.Or(c.RegionURLs[regionKey(region)], c.LiveKitURL)
}

// WebhookKey is the API key that signs what goes to the receiver of that index. own are the keys in use.
func (c Config) WebhookKey(receiver int, own []Key) Key {
	name := ""
	switch len(c.WebhookKeys) {
	case 0:
		return own[0]
	case 1:
		name = c.WebhookKeys[0]
	default:
		name = c.WebhookKeys[receiver]
	}
	i := slices.IndexFunc(own, func(k Key) bool { return k.Name == name })
	return own[max(0, i)] // Load has seen to it that there is one
}

// regionKey spells a region as the environment does: LIVEKIT_URL_EU_WEST is region "eu-west".
func regionKey(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// ServerURLs lists every configured address that ServerURL may return, in no order.
func (c Config) ServerURLs() []string {
	urls := slices.Collect(maps.Values(c.RegionURLs))
	if c.LiveKitURL != "" {
		urls = append(urls, c.LiveKitURL)
	}
	return urls
}
