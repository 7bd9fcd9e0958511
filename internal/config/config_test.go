package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meet/internal/config"
)

// write creates a file with mode 0600.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, src config.Source) config.Config {
	t.Helper()
	c, err := config.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmptySourcesGiveTheDefaultSettings(t *testing.T) {
	got := load(t, config.Source{DotEnv: filepath.Join(t.TempDir(), ".env"), Environ: []string{"HOME=/", "LIVEKIT_URL=", "MEET_LISTEN="}})
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Error(diff)
	}
}

func TestEverySettingLoadsFromFileEnvironmentAndFlags(t *testing.T) {
	keyFile := write(t, "more.yaml", "k2: s2\n")
	want := config.Config{
		Listen: "127.0.0.1:9000", DataDir: "d", NodeIP: "192.0.2.7", Dev: true, LogLevel: slog.LevelDebug,
		STUNServer: "stun.example.org:3478", Domain: "meet.example.org", ACMEURL: "https://acme.example.org/dir", ACMEEmail: "ada@example.org", ACMECA: "ca.pem", HTTPListen: ":9080",
		SubscriptionLimitVideo: 9, SubscriptionLimitAudio: 30, RemoteUnmute: true, DirectRooms: true,
		Keys:       []config.Key{{Name: "k1", Secret: "s1"}, {Name: "k2", Secret: "s2"}, config.DevKey},
		KeyFile:    keyFile,
		LiveKitURL: "wss://live.example.org", RegionURLs: map[string]string{"EU_WEST": "wss://eu.example.org"},
		BasePath: "/a/b", FrontendRepository: "ada/meet-build", FrontendBranch: "next", FrontendToken: "t0", FrontendUpdate: "hourly",
		FrontendAPIURL: "https://git.example.org", FrontendPagesURL: "https://pages.example.org/x",
	}
	for _, tc := range []struct {
		name string
		src  config.Source
	}{
		{"file", config.Source{File: write(t, "c.yaml", `
listen: 127.0.0.1:9000
data_dir: d
node_ip: 192.0.2.7
stun_server: stun.example.org:3478
domain: meet.example.org
acme_url: https://acme.example.org/dir
acme_email: ada@example.org
acme_ca: ca.pem
http_listen: ":9080"
dev: true
keys:
  k1: s1
key_file: `+keyFile+`
livekit_url: wss://live.example.org
region_urls: {eu-west: "wss://eu.example.org"}
log_level: debug
subscription_limit_video: 9
subscription_limit_audio: 30
remote_unmute: true
direct_rooms: true
base_path: /a/b
frontend_repository: ada/meet-build
frontend_branch: next
frontend_token: t0
frontend_update: hourly
frontend_api_url: https://git.example.org
frontend_pages_url: https://pages.example.org/x
`)}},
		{"environment", config.Source{Environ: []string{
			"MEET_LISTEN=127.0.0.1:9000", "MEET_DATA_DIR=d", "MEET_NODE_IP=192.0.2.7", "MEET_STUN_SERVER=stun.example.org:3478", "MEET_DOMAIN=Meet.Example.org.",
			"MEET_ACME_URL=https://acme.example.org/dir", "MEET_ACME_EMAIL=ada@example.org", "MEET_ACME_CA=ca.pem", "MEET_HTTP_LISTEN=:9080", "MEET_DEV=1", "MEET_KEYS=k1: s1",
			"MEET_KEY_FILE=" + keyFile, "MEET_LIVEKIT_URL=wss://live.example.org", "MEET_LOG_LEVEL=debug",
			"MEET_REGION_URLS=eu-west: wss://eu.example.org", "MEET_SUBSCRIPTION_LIMIT_VIDEO=9", "MEET_SUBSCRIPTION_LIMIT_AUDIO=30", "MEET_REMOTE_UNMUTE=1", "MEET_DIRECT_ROOMS=1",
			"MEET_BASE_PATH=/a/b/", "MEET_FRONTEND_REPOSITORY=ada/meet-build", "MEET_FRONTEND_BRANCH=next", "MEET_FRONTEND_TOKEN=t0", "MEET_FRONTEND_UPDATE=hourly",
			"MEET_FRONTEND_API_URL=https://git.example.org", "MEET_FRONTEND_PAGES_URL=https://pages.example.org/x",
		}}},
		{"flags", config.Source{Flags: map[string]string{
			"listen": "127.0.0.1:9000", "data_dir": "d", "node_ip": "192.0.2.7", "stun_server": "stun.example.org:3478", "domain": "meet.example.org",
			"acme_url": "https://acme.example.org/dir", "acme_email": "ada@example.org", "acme_ca": "ca.pem", "http_listen": ":9080", "dev": "true", "keys": "k1: s1", "key_file": keyFile,
			"livekit_url": "wss://live.example.org", "region_urls": "eu-west: wss://eu.example.org", "log_level": "debug",
			"subscription_limit_video": "9", "subscription_limit_audio": "30", "remote_unmute": "true", "direct_rooms": "true",
			"base_path": "/a/b", "frontend_repository": "ada/meet-build", "frontend_branch": "next", "frontend_token": "t0", "frontend_update": "hourly",
			"frontend_api_url": "https://git.example.org", "frontend_pages_url": "https://pages.example.org/x",
		}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(want, load(t, tc.src)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDomainChangesTheDefaultAddresses(t *testing.T) {
	for name, tc := range map[string]struct {
		flags        map[string]string
		listen, http string
	}{
		"without a domain":   {map[string]string{"lan": "true"}, ":8080", ""},
		"with a domain":      {map[string]string{"domain": "meet.example.org"}, ":443", ":80"},
		"explicit addresses": {map[string]string{"domain": "meet.example.org", "listen": ":8080", "http_listen": "off"}, ":8080", ""},
	} {
		if c := load(t, config.Source{Flags: tc.flags}); c.Listen != tc.listen || c.HTTPListen != tc.http || !c.TLS() {
			t.Errorf("%s: listens on %q and %q, TLS %v", name, c.Listen, c.HTTPListen, c.TLS())
		}
	}
	if c := load(t, config.Source{Flags: map[string]string{"domain": "meet.example.org"}, Environ: []string{"SERVER_PORT=9000"}}); c.Listen != ":9000" {
		t.Errorf("SERVER_PORT is ignored: listens on %q", c.Listen)
	}
}

func TestTLSSettingsLoad(t *testing.T) {
	c := load(t, config.Source{Flags: map[string]string{"tls_cert": "c.pem", "tls_key": "k.pem", "http_listen": ":80"}})
	if c.TLSCert != "c.pem" || c.TLSKey != "k.pem" || c.HTTPListen != ":80" || !c.TLS() {
		t.Errorf("got %+v", c)
	}
	if c := load(t, config.Source{Environ: []string{"MEET_LAN=true"}}); !c.LAN || !c.TLS() {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsOverrideEnvironmentDotEnvAndFile(t *testing.T) {
	src := config.Source{File: write(t, "c.yaml", "listen: :1\ndata_dir: file\nnode_ip: 192.0.2.1\nkeys: {file: s}\n")}
	src.DotEnv = write(t, ".env", "MEET_LISTEN=:2\nMEET_DATA_DIR=dotenv\nLIVEKIT_API_KEY=dot\nLIVEKIT_API_SECRET=s\n")
	if c := load(t, src); c.Listen != ":2" || c.NodeIP != "192.0.2.1" || !cmp.Equal(c.Keys, []config.Key{{Name: "dot", Secret: "s"}}) {
		t.Errorf(".env over file: %+v", c)
	}
	src.Environ = []string{"MEET_LISTEN=:3", "LIVEKIT_KEYS=env: s"}
	if c := load(t, src); c.Listen != ":3" || c.DataDir != "dotenv" || !cmp.Equal(c.Keys, []config.Key{{Name: "env", Secret: "s"}}) {
		t.Errorf("environment over .env: %+v", c)
	}
	src.Flags = map[string]string{"listen": ":4", "keys": "flag: s"}
	if c := load(t, src); c.Listen != ":4" || !cmp.Equal(c.Keys, []config.Key{{Name: "flag", Secret: "s"}}) {
		t.Errorf("flags over environment: %+v", c)
	}
}

func TestSettingsAreReadFromEnvironmentVariablesOfMeetAndOtherTools(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		want    func(*config.Config)
	}{
		{"SERVER_PORT", []string{"SERVER_PORT=6080"}, func(c *config.Config) { c.Listen = ":6080" }},
		{"MEET_LISTEN overrides SERVER_PORT", []string{"SERVER_PORT=6080", "MEET_LISTEN=[::1]:7"}, func(c *config.Config) { c.Listen = "[::1]:7" }},
		{"LK pair", []string{"LK_API_KEY=k", "LK_API_SECRET=s: #'\""}, func(c *config.Config) { c.Keys = []config.Key{{Name: "k", Secret: "s: #'\""}} }},
		{
			"LIVEKIT pair before LK",
			[]string{"LK_API_KEY=k", "LK_API_SECRET=s", "LIVEKIT_API_KEY=l", "LIVEKIT_API_SECRET=0123"},
			func(c *config.Config) { c.Keys = []config.Key{{Name: "l", Secret: "0123"}} },
		},
		{"LIVEKIT_KEYS, first signs", []string{"LIVEKIT_KEYS=b: 1\na: 2\n"}, func(c *config.Config) {
			c.Keys = []config.Key{{Name: "b", Secret: "1"}, {Name: "a", Secret: "2"}}
		}},
		{"LIVEKIT_URL and a region", []string{"LIVEKIT_URL=ws://a:1", "LIVEKIT_URL_EU=wss://b"}, func(c *config.Config) {
			c.LiveKitURL, c.RegionURLs = "ws://a:1", map[string]string{"EU": "wss://b"}
		}},
		{"webhooks", []string{"MEET_WEBHOOK_URL=http://a/1\nhttps://b\n", "MEET_WEBHOOK_KEY=devkey", "MEET_DEV=1"}, func(c *config.Config) {
			c.Dev, c.Keys = true, []config.Key{config.DevKey}
			c.WebhookURLs, c.WebhookKeys = []string{"http://a/1", "https://b"}, []string{"devkey"}
		}},
		{
			"origins",
			[]string{"MEET_ALLOWED_ORIGINS=https://A.example:443/, http://b:8081\ncapacitor://localhost http://[::1]:80"},
			func(c *config.Config) {
				c.AllowedOrigins = []string{"https://a.example", "http://b:8081", "capacitor://localhost", "http://[::1]"}
			},
		},
		{"proxies", []string{"MEET_TRUSTED_PROXIES=203.0.113.9/28, 10.1.2.3\n2001:db8::/32 ::ffff:192.0.2.1"}, func(c *config.Config) {
			c.TrustedProxies = []netip.Prefix{
				netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("2001:db8::/32"),
				netip.MustParsePrefix("192.0.2.1/32"),
			}
		}},
		{"dev", []string{"MEET_DEV=true"}, func(c *config.Config) { c.Dev, c.Keys = true, []config.Key{config.DevKey} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := config.Default()
			tc.want(&want)
			if diff := cmp.Diff(want, load(t, config.Source{Environ: tc.environ}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every message begins with the name under which the value was given, and no message contains a secret.
func TestEveryErrorNamesItsSettingAndHidesSecrets(t *testing.T) {
	readable := write(t, "open.yaml", "k: hunter2\n")
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	for key, bad := range map[string]string{
		"listen": "8080", "node_ip": "my-host", "dev": "perhaps", "keys": "k:hunter2", "key_file": readable,
		"livekit_url": "live.example.org", "webhook_url": "example.org", "webhook_private": "maybe", "remote_unmute": "maybe", "direct_rooms": "maybe", "metrics_token": "hunter2",
		"stun_server": "stun.example.org", "domain": "192.0.2.7", "acme_email": "ada", "acme_url": "acme.example.org", "http_listen": "80", "lan": "maybe",
		"region_urls": "eu: hunter2.example.org", "log_level": "loud",
		"subscription_limit_video": "many", "subscription_limit_audio": "-1",
		"allowed_origins": "example.org", "trusted_proxies": "10.0.0.0/33", "base_path": "meet/../x", "frontend_repository": "meet", "frontend_branch": "a b", "frontend_url": "ftp://a", "frontend_token": "hunter2 x", "frontend_update": "daily", "frontend_key": "RWmeet",
		"frontend_api_url": "git.example.org", "frontend_pages_url": "/x",
	} {
		env, flag := "MEET_"+strings.ToUpper(key), "--"+strings.ReplaceAll(key, "_", "-")
		for name, src := range map[string]config.Source{
			key:  {File: write(t, "c.yaml", key+": \""+bad+"\"\n")},
			env:  {Environ: []string{env + "=" + bad}},
			flag: {Flags: map[string]string{key: bad}},
		} {
			_, err := config.Load(src)
			if err == nil || !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), "want ") {
				t.Errorf("%s=%q: error %v, want \"%s: got …, want …\"", name, bad, err, name)
			} else if (strings.Contains(key, "key") || strings.Contains(key, "token")) && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: the message shows a secret: %v", name, err)
			}
		}
	}
}

func TestTrustedProxyThatIsNotANetworkIsRefused(t *testing.T) {
	for _, bad := range []string{"proxy.example.org", "10.0.0.0/33", "10.0.0.1:80", "fe80::1%eth0", "::ffff:10.0.0.0/104", "*", ","} {
		if c, err := config.Load(config.Source{Flags: map[string]string{"trusted_proxies": bad}}); err == nil {
			t.Errorf("%s gives %q", bad, c.TrustedProxies)
		}
	}
}

func TestInvalidAllowedOriginIsRefused(t *testing.T) {
	for _, bad := range []string{
		"*", "null", "example.org", "https://", "https://*.example.org", "https://a/path", "https://a/?", "https://a/#", "https://a?x",
		"https://user@a", "https://bücher.example", "https://a:port", "https://a b", "//a",
	} {
		if c, err := config.Load(config.Source{Flags: map[string]string{"allowed_origins": bad}}); err == nil {
			t.Errorf("%s gives %q", bad, c.AllowedOrigins)
		}
	}
}

func TestServerURLOfUnknownRegionIsTheDefault(t *testing.T) {
	c := load(t, config.Source{Environ: []string{"LIVEKIT_URL=wss://all", "LIVEKIT_URL_EU_WEST=wss://eu"}})
	for region, want := range map[string]string{"": "wss://all", "eu-west": "wss://eu", "EU_WEST": "wss://eu", "moon": "wss://all"} {
		if got := c.ServerURL(region); got != want {
			t.Errorf("ServerURL(%q) = %q, want %q", region, got, want)
		}
	}
	if got := config.Default().ServerURL("eu"); got != "" {
		t.Errorf("ServerURL of the default = %q, want this server", got)
	}
}

func TestInvalidSettingsAreRefusedWithTheReason(t *testing.T) {
	for _, tc := range []struct {
		name string
		src  config.Source
		want []string
	}{
		{"several problems", config.Source{Environ: []string{"MEET_LISTEN=x", "MEET_DEV=y"}, Flags: map[string]string{"node_ip": "z"}}, []string{"MEET_LISTEN:", "MEET_DEV:", "--node-ip:"}},
		{"port out of range", config.Source{Flags: map[string]string{"listen": ":65536"}}, []string{`got ":65536"`}},
		{"SERVER_PORT", config.Source{Environ: []string{"SERVER_PORT=http"}}, []string{"SERVER_PORT:"}},
		{"unknown key in the file", config.Source{File: write(t, "c.yaml", "port: 1\n")}, []string{"port: got an unknown setting", "listen"}},
		{"setting twice in the file", config.Source{File: write(t, "c.yaml", "dev: true\ndev: false\n")}, []string{"already defined"}},
		{"file that is not a mapping", config.Source{File: write(t, "c.yaml", "- a\n- b\n")}, []string{"want \"name: value\" lines"}},
		{"list instead of a string", config.Source{File: write(t, "c.yaml", "listen: [a]\n")}, []string{"listen:"}},
		{"no such file", config.Source{File: "missing.yaml"}, []string{"missing.yaml"}},
		{"file from the environment", config.Source{Environ: []string{"MEET_CONFIG=missing.yaml"}}, []string{"missing.yaml"}},
		{"unknown webhook key", config.Source{Flags: map[string]string{"webhook_url": "http://a", "webhook_key": "nobody"}}, []string{`webhook_key: got "nobody"`}},
		{"two webhook keys for one URL", config.Source{Flags: map[string]string{"keys": "a: 1\nb: 2", "webhook_url": "http://a", "webhook_key": "a\nb"}}, []string{"got 2 keys for 1 webhook URLs"}},
		{"two sources of the front end", config.Source{Flags: map[string]string{"frontend_url": "http://a", "frontend_repository": "a/b"}}, []string{"frontend_url: set frontend_url or frontend_repository, not both"}},
		{"two ways to get a certificate", config.Source{Flags: map[string]string{"domain": "meet.example.org", "lan": "true"}}, []string{"set one of them"}},
		{"certificate without key", config.Source{Flags: map[string]string{"tls_cert": "c.pem"}}, []string{"tls_cert and tls_key belong together"}},
		{"ACME without a domain", config.Source{Flags: map[string]string{"acme_email": "a@b.example"}}, []string{"need domain"}},
		{"redirect without https", config.Source{Flags: map[string]string{"http_listen": ":80"}}, []string{"http_listen needs domain"}},
		{"updates without a source", config.Source{Flags: map[string]string{"frontend_update": "start"}}, []string{"frontend_update needs frontend_repository or frontend_url"}},
		{"one invalid webhook URL of two", config.Source{File: write(t, "c.yaml", "webhook_url: [\"http://a\", \"b\"]\n")}, []string{"webhook_url:"}},
		{"no such key file", config.Source{Flags: map[string]string{"key_file": "missing.yaml"}}, []string{"--key-file:", "missing.yaml"}},
		{"key without secret", config.Source{Environ: []string{"LIVEKIT_API_KEY=k"}}, []string{"LIVEKIT_API_SECRET is empty"}},
		{"secret without key", config.Source{Environ: []string{"LK_API_SECRET=k"}}, []string{"LK_API_KEY is empty; set the API key of LK_API_SECRET"}},
		{"invalid region URL", config.Source{Environ: []string{"LIVEKIT_URL_EU=b"}}, []string{"LIVEKIT_URL_EU:"}},
		{"one key, two secrets", config.Source{Flags: map[string]string{"keys": "k: a", "key_file": write(t, "k.yaml", "k: b\n")}}, []string{`keys: API key "k" has two secrets`}},
		{"same key twice", config.Source{Flags: map[string]string{"keys": "k: a\nk: b"}}, []string{"--keys:"}},
		{"nested mapping as keys", config.Source{Flags: map[string]string{"keys": "k: {a: b}"}}, []string{"--keys:"}},
		{"no keys in the file", config.Source{Flags: map[string]string{"key_file": write(t, "k.yaml", "{}")}}, []string{"it contains no key"}},
		{"UTF-16 without a byte order mark", config.Source{DotEnv: write(t, ".env", "M\x00E\x00=\x00x\x00")}, []string{".env: it is not a text file"}},
		{".env", config.Source{DotEnv: write(t, ".env", "LIVEKIT_API_SECRET hunter2\n")}, []string{".env: got an invalid line"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := config.Load(tc.src)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not contain %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the message shows a secret: %v", err)
			}
		})
	}
}

func TestAPIKeyIsGeneratedOnceAndThenReadFromTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	first, err := config.LoadOrCreateKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1 || !strings.HasPrefix(first[0].Name, "API") || len(first[0].Secret) < 32 {
		t.Fatalf("made %+v", first)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	again, err := config.LoadOrCreateKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("second start changed the keys:\n%s", diff)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keys-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadOrCreateKeys(path); err == nil {
		t.Error("a damaged key file was replaced, which would invalidate all tokens signed with the old key")
	}
}

func TestMissingKeyFileReturnsErrNotExist(t *testing.T) {
	if _, err := config.ReadKeyFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func FuzzKeySettingGivesNoEmptyKeyOrSecret(f *testing.F) {
	f.Add("k: s\nl: t\n")
	f.Add("{\"k\": \"s\"}")
	f.Add("&a k: *a")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Load(config.Source{Flags: map[string]string{"keys": text}})
		if err != nil {
			return
		}
		for _, k := range c.Keys {
			if k.Name == "" || k.Secret == "" {
				t.Fatalf("%q gave an empty key or secret", text)
			}
		}
	})
}
