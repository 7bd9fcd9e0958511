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

// Config holds all settings of a server.
type Config struct {
	Listen   string     // host:port, for TCP and UDP; port 0 selects a free port
	DataDir  string     // folder for keys, certificates, the store and builds of the front end
	NodeIP   string     // public IP address in ICE candidates, besides the addresses of this machine; "" for none
	Dev      bool       // whether DevKey is valid
	LogLevel slog.Level // lowest level that is logged

	STUNServer string // host:port of the STUN server that reports the public IP address of this machine; "" for none

	// Domain, LAN, and TLSCert with TLSKey are three ways to get the certificates for HTTPS. At most one is set; without
	// any, the server serves plain HTTP.
	Domain          string // DNS name for which the server obtains certificates by ACME
	LAN             bool   // whether the server issues certificates with a certificate authority of its own
	TLSCert, TLSKey string // files of a certificate with its chain, and of its private key, in PEM

	ACMEURL    string // directory of the ACME server; "" for Let's Encrypt
	ACMEEmail  string // address to which the ACME server may send warnings; "" for none
	ACMECA     string // file of certificates, in PEM, that verify the ACME server's own; "" for the system's
	HTTPListen string // host:port that redirects http to https and answers ACME challenges; "" for none

	// Keys are the configured API keys. The first one signs the tokens that the server issues. If empty, the server
	// uses the key that it generated.
	Keys    []Key
	KeyFile string // file from which some or all of Keys were read, or ""

	LiveKitURL string            // URL of the signalling server for browsers; "" for this server
	RegionURLs map[string]string // URL of the signalling server by region, with keys as regionKey returns them; precedes LiveKitURL

	// SubscriptionLimitVideo and SubscriptionLimitAudio are the maximum numbers of tracks that one participant
	// receives; further tracks wait. 0 means no limit. Limits protect participants with slow machines or connections.
	SubscriptionLimitVideo, SubscriptionLimitAudio int

	MetricsToken string // Bearer token for /metrics; if "", /metrics is open to this machine if Listen is a loopback address, otherwise to nobody

	RemoteUnmute bool // whether server APIs may unmute participants, not only mute them

	DirectRooms bool // whether the only two participants of a meeting may connect to each other directly

	// AllowedOrigins are the origins of other sites that may use /token, /api/ and /rtc, as browsers serialise them,
	// such as "https://example.org". If empty, all origins are allowed.
	AllowedOrigins []string

	// TrustedProxies are the networks of reverse proxies whose headers with the client's address, the scheme and the host
	// are trusted, and whose PROXY protocol is accepted, such as 192.0.2.0/24. If empty, these are the loopback, link-local and private addresses.
	TrustedProxies []netip.Prefix

	BasePath string // URL path of the site, such as /meet; "" for the root

	// FrontendRepository or FrontendURL is the source of newer builds of the front end. If both are "", there is no
	// source.
	FrontendRepository, FrontendURL string
	FrontendBranch                  string // branch of the repository; "" for the usual branch of GitHub Pages
	FrontendToken                   string // GitHub token
	FrontendAPIURL                  string // API of a GitHub Enterprise Server; "" for github.com
	FrontendPagesURL                string // URL at which GitHub Pages serves the branch; "" for the default
	FrontendKey                     string // minisign public key with which builds must be signed; "" accepts unsigned builds
	FrontendUpdate                  string // when the server updates automatically: off, start or hourly

	WebhookURLs    []string // URLs that receive webhooks
	WebhookKeys    []string // names of the API keys that sign webhooks, one for all or one for each URL; if empty, the first of Keys
	WebhookPrivate bool     // whether webhook host names may resolve to private addresses

	UnknownVariables []UnknownVariable // MEET_ variables that are not settings, sorted by name
}

// Key is an API key and its secret.
type Key struct{ Name, Secret string }

// DevKey is the public API key that --dev makes valid.
var DevKey = Key{"devkey", "secret"}

// Default returns the settings of a server for which nothing is set.
func Default() Config {
	return Config{Listen: ":8080", DataDir: "meet-data", FrontendUpdate: "off", LogLevel: slog.LevelInfo}
}

// FrontendDir returns the folder in which downloaded builds of the front end are stored.
func (c Config) FrontendDir() string { return filepath.Join(c.DataDir, "frontend") }

// GeneratedKeyFile returns the path of the file with the API key that the server generated.
func (c Config) GeneratedKeyFile() string { return filepath.Join(c.DataDir, "keys.yaml") }

// ServerURL returns the URL of the signalling server for browsers in a region. It returns "" if this server is the
// signalling server.
func (c Config) ServerURL(region string) string {
	return cmp.Or(c.RegionURLs[regionKey(region)], c.LiveKitURL)
}

// WebhookKey returns the API key that signs webhooks for the URL WebhookURLs[receiver]. own are the API keys of the
// server.
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
	return own[max(0, i)] // Load has checked that the key exists
}

// regionKey returns the form of a region's name in environment variables: EU_WEST, as in LIVEKIT_URL_EU_WEST, for
// "eu-west".
func regionKey(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// ServerURLs returns all configured URLs that ServerURL may return, in no particular order.
func (c Config) ServerURLs() []string {
	urls := slices.Collect(maps.Values(c.RegionURLs))
	if c.LiveKitURL != "" {
		urls = append(urls, c.LiveKitURL)
	}
	return urls
}
