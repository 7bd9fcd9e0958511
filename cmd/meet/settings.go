package main

import (
	"fmt"
	"maps"
	"strings"

	"meet/internal/config"
)

// dataSettings are the flags of commands that use the server's data folder.
type dataSettings struct {
	Config  string `help:"Settings file in YAML (MEET_CONFIG)." placeholder:"FILE"`
	DataDir string `help:"Data folder, for keys, certificates and the store; ./meet-data unless set (MEET_DATA_DIR)." placeholder:"DIR"`
}

// keySettings are the flags that set the API keys.
type keySettings struct {
	dataSettings
	Keys    string `help:"API keys and secrets, as \"key: secret\" lines (MEET_KEYS)." placeholder:"PAIRS"`
	KeyFile string `help:"File with \"key: secret\" lines (MEET_KEY_FILE)." placeholder:"FILE"`
	Dev     bool   `help:"Accept the public API key devkey with secret \"secret\", for development only (MEET_DEV)."`
}

// frontendSettings are the flags that set where newer builds of the front end are published.
type frontendSettings struct {
	FrontendRepository string `help:"GitHub repository that publishes builds of the front end, as owner/name (MEET_FRONTEND_REPOSITORY)." placeholder:"NAME"`
	FrontendBranch     string `help:"Branch of --frontend-repository; gh-pages unless set (MEET_FRONTEND_BRANCH)." placeholder:"BRANCH"`
	FrontendURL        string `name:"frontend-url" help:"URL of a published build with a manifest.json, instead of a repository (MEET_FRONTEND_URL)." placeholder:"URL"`
	FrontendToken      string `help:"GitHub token, for a private repository or a higher rate limit (MEET_FRONTEND_TOKEN)." placeholder:"TOKEN"`
	FrontendKey        string `help:"Public key of minisign; only builds signed with it are accepted (MEET_FRONTEND_KEY)." placeholder:"KEY"`
	FrontendAPIURL     string `name:"frontend-api-url" help:"URL of the GitHub Enterprise Server that has the repository; github.com unless set (MEET_FRONTEND_API_URL)." placeholder:"URL"`
	FrontendPagesURL   string `name:"frontend-pages-url" help:"URL at which GitHub Pages serves the branch, if it has a custom domain (MEET_FRONTEND_PAGES_URL)." placeholder:"URL"`
}

func (f frontendSettings) flags() map[string]string {
	return map[string]string{
		"frontend_repository": f.FrontendRepository, "frontend_branch": f.FrontendBranch, "frontend_url": f.FrontendURL,
		"frontend_token": f.FrontendToken, "frontend_api_url": f.FrontendAPIURL, "frontend_pages_url": f.FrontendPagesURL,
		"frontend_key": f.FrontendKey,
	}
}

// tlsSettings are the flags that set the certificates of the server.
type tlsSettings struct {
	Domain     string `help:"DNS name of this machine; the server obtains and renews a certificate for it (MEET_DOMAIN)." placeholder:"NAME"`
	LAN        bool   `name:"lan" help:"Serve HTTPS on a network without a domain: issue certificates with an authority of this server, which each device must trust once (MEET_LAN)."`
	TLSCert    string `name:"tls-cert" help:"File with a certificate and its chain in PEM, which is read again when it changes (MEET_TLS_CERT)." placeholder:"FILE"`
	TLSKey     string `name:"tls-key" help:"File with the private key of --tls-cert in PEM (MEET_TLS_KEY)." placeholder:"FILE"`
	ACMEEmail  string `name:"acme-email" help:"Email address to which the certificate authority may send warnings (MEET_ACME_EMAIL)." placeholder:"ADDRESS"`
	ACMEURL    string `name:"acme-url" help:"ACME directory of the certificate authority; Let's Encrypt unless set (MEET_ACME_URL)." placeholder:"URL"`
	ACMECA     string `name:"acme-ca" help:"File of certificates in PEM that verify the server at --acme-url (MEET_ACME_CA)." placeholder:"FILE"`
	HTTPListen string `name:"http-listen" help:"host:port that redirects http to https and answers ACME challenges, or off; \":80\" with --domain unless set (MEET_HTTP_LISTEN)." placeholder:"ADDRESS"`
}

func (t tlsSettings) flags() map[string]string {
	flags := map[string]string{
		"domain": t.Domain, "tls_cert": t.TLSCert, "tls_key": t.TLSKey, "acme_email": t.ACMEEmail, "acme_url": t.ACMEURL, "acme_ca": t.ACMECA,
		"http_listen": t.HTTPListen,
	}
	if t.LAN {
		flags["lan"] = "true"
	}
	return flags
}

// serverSettings are the flags of the server. Each of them can also be set in the settings file and by a MEET_
// variable.
type serverSettings struct {
	keySettings
	Listen     string `help:"host:port to listen on, TCP and UDP; \":443\" with --domain, otherwise \":8080\", unless set (MEET_LISTEN)." placeholder:"ADDRESS"`
	NodeIP     string `name:"node-ip" help:"Public IP address for media, which is offered besides the addresses of this machine (MEET_NODE_IP)." placeholder:"IP"`
	STUNServer string `name:"stun-server" help:"host:port of a STUN server that tells the public IP address of this machine (MEET_STUN_SERVER)." placeholder:"ADDRESS"`
	tlsSettings
	LivekitURL     string   `name:"livekit-url" help:"URL of the signalling server for browsers; this server unless set (LIVEKIT_URL)." placeholder:"URL"`
	WebhookURL     []string `name:"webhook-url" sep:"none" help:"URL that receives webhooks; repeatable (MEET_WEBHOOK_URL)." placeholder:"URL"`
	WebhookKey     []string `name:"webhook-key" sep:"none" help:"API key that signs webhooks, one for all URLs or one for each; the first key unless set (MEET_WEBHOOK_KEY)." placeholder:"KEY"`
	RemoteUnmute   bool     `help:"Let server APIs unmute participants, not only mute them (MEET_REMOTE_UNMUTE)."`
	DirectRooms    bool     `help:"If a meeting has only two participants, connect them directly where possible; each of them then learns the other's IP address (MEET_DIRECT_ROOMS)."`
	WebhookPrivate bool     `help:"Allow webhook URLs whose host name resolves to a private address (MEET_WEBHOOK_PRIVATE)."`
	MetricsToken   string   `name:"metrics-token" help:"Bearer token for /metrics; unless set, /metrics is open to this machine if the server listens on loopback, and otherwise off (MEET_METRICS_TOKEN)." placeholder:"SECRET"`
	LimitVideo     string   `name:"subscription-limit-video" help:"Maximum number of video tracks that a participant receives; unlimited unless set (MEET_SUBSCRIPTION_LIMIT_VIDEO)." placeholder:"TRACKS"`
	LimitAudio     string   `name:"subscription-limit-audio" help:"Maximum number of audio tracks that a participant receives; unlimited unless set (MEET_SUBSCRIPTION_LIMIT_AUDIO)." placeholder:"TRACKS"`
	AllowedOrigins []string `help:"Origins of other sites that may use /token, /api/ and /rtc, such as https://example.org; all origins unless set (MEET_ALLOWED_ORIGINS)." placeholder:"ORIGIN"`
	TrustedProxies []string `help:"Addresses or networks of reverse proxies that are trusted to report the client address, scheme and host in HTTP headers, and the client address in the PROXY protocol; private addresses unless set (MEET_TRUSTED_PROXIES)." placeholder:"CIDR"`
	BasePath       string   `help:"URL path of the site, such as /meet (MEET_BASE_PATH)." placeholder:"PATH"`
	frontendSettings
	FrontendUpdate string `help:"When to update the front end automatically: off, start or hourly; off unless set (MEET_FRONTEND_UPDATE)." placeholder:"WHEN"`
	LogLevel       string `help:"Log level: debug, info, warn or error; info unless set (MEET_LOG_LEVEL)." placeholder:"LEVEL"`
}

func (d dataSettings) flags() map[string]string { return map[string]string{"data_dir": d.DataDir} }

func (k keySettings) flags() map[string]string {
	flags := k.dataSettings.flags()
	flags["keys"], flags["key_file"] = k.Keys, k.KeyFile
	if k.Dev {
		flags["dev"] = "true"
	}
	return flags
}

func (s serverSettings) flags() map[string]string {
	flags := s.keySettings.flags()
	maps.Copy(flags, s.frontendSettings.flags())
	maps.Copy(flags, s.tlsSettings.flags())
	flags["frontend_update"], flags["base_path"] = s.FrontendUpdate, s.BasePath
	flags["listen"], flags["node_ip"], flags["stun_server"] = s.Listen, s.NodeIP, s.STUNServer
	flags["livekit_url"], flags["log_level"] = s.LivekitURL, s.LogLevel
	flags["allowed_origins"] = strings.Join(s.AllowedOrigins, "\n")
	flags["trusted_proxies"] = strings.Join(s.TrustedProxies, "\n")
	flags["metrics_token"] = s.MetricsToken
	flags["subscription_limit_video"], flags["subscription_limit_audio"] = s.LimitVideo, s.LimitAudio
	flags["webhook_url"], flags["webhook_key"] = strings.Join(s.WebhookURL, "\n"), strings.Join(s.WebhookKey, "\n")
	if s.RemoteUnmute {
		flags["remote_unmute"] = "true"
	}
	if s.DirectRooms {
		flags["direct_rooms"] = "true"
	}
	if s.WebhookPrivate {
		flags["webhook_private"] = "true"
	}
	return flags
}

// load reads the settings from all sources. Invalid settings are a usageError. Unknown MEET_ variables are printed as
// warnings.
func load(env environment, file string, flags map[string]string) (config.Config, error) {
	c, err := loadQuietly(env, file, flags)
	warnUnknown(env, c)
	return c, err
}

// warnUnknown prints a warning for each unknown MEET_ variable.
func warnUnknown(env environment, c config.Config) {
	for _, v := range c.UnknownVariables {
		_, _ = fmt.Fprintf(env.stderr, "meet: %s: %s\n", v.Name, unknownText(v))
	}
}

// loadQuietly reads the settings from all sources without printing warnings. Invalid settings are a usageError.
func loadQuietly(env environment, file string, flags map[string]string) (config.Config, error) {
	c, err := config.Load(config.Source{File: file, DotEnv: ".env", Environ: env.environ, Flags: flags})
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// unknownText returns the warning about an unknown variable. It suggests the setting with the most similar name.
func unknownText(v config.UnknownVariable) string {
	if v.Closest == "" {
		return "no setting has this name; it is ignored"
	}
	return "no setting has this name; it is ignored; did you mean " + v.Closest + "?"
}
