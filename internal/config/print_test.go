package config_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meet/internal/config"
)

func printed(t *testing.T, c config.Config) string {
	t.Helper()
	yaml, err := c.YAML(func(key string) string { return "About " + key + ".\nMore." })
	if err != nil {
		t.Fatal(err)
	}
	return yaml
}

// Loading the printed settings gives the same settings, except for secrets.
func TestPrintedSettingsLoadUnchanged(t *testing.T) {
	keyFile := write(t, "keys.yaml", "k2: s2\n")
	for name, file := range map[string]string{
		"default settings": "",
		"all settings": `
listen: 127.0.0.1:9000
data_dir: "a folder: with # marks"
node_ip: 192.0.2.7
dev: true
key_file: ` + keyFile + `
livekit_url: wss://live.example.org
region_urls: {eu-west: "wss://eu.example.org"}
log_level: debug
subscription_limit_video: 9
subscription_limit_audio: 30
remote_unmute: true
direct_rooms: true
webhook_url: [https://a.example.org/hook, http://b.example.org]
webhook_key: [k2]
webhook_private: true
allowed_origins: [https://a.example.org, "http://b.example.org:8081"]
trusted_proxies: [10.0.0.0/8, "2001:db8::1"]
`,
	} {
		t.Run(name, func(t *testing.T) {
			want := load(t, config.Source{File: write(t, "c.yaml", file)})
			got := load(t, config.Source{File: write(t, "printed.yaml", printed(t, want))})
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
				t.Errorf("-settings +printed and loaded:\n%s", diff)
			}
		})
	}
}

func TestPrintedSettingsHideSecrets(t *testing.T) {
	c := load(t, config.Source{File: write(t, "c.yaml", `
keys: {k1: top-secret}
livekit_url: wss://user:top-secret@live.example.org
region_urls: {eu: "wss://eu.example.org/?key=top-secret"}
webhook_url: ["https://a.example.org/hook?token=top-secret", "https://b.example.org/#top-secret"]
webhook_key: [k1]
`)})
	yaml := printed(t, c)
	if strings.Contains(yaml, "top-secret") {
		t.Errorf("the output contains a secret:\n%s", yaml)
	}
	for _, want := range []string{"#   k1: (hidden)", "# livekit_url: wss://live.example.org/(hidden)", "#   EU: wss://eu.example.org/", "#   - https://a.example.org/(hidden)", "#   - k1"} {
		if !strings.Contains(yaml, want) {
			t.Errorf("%q is not in\n%s", want, yaml)
		}
	}
	got := load(t, config.Source{File: write(t, "printed.yaml", yaml)}) // secrets are comments, so they are not loaded
	if diff := cmp.Diff(config.Default(), got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryPrintedSettingHasAnExplanation(t *testing.T) {
	yaml := printed(t, config.Default())
	for _, key := range config.SettingNames() {
		if !strings.Contains(yaml, "# About "+key+". More.\n") {
			t.Errorf("%s is not explained", key)
		}
		if !strings.Contains(yaml, "\n"+key+": ") && !strings.Contains(yaml, "\n# "+key+":") {
			t.Errorf("%s is not printed: give it a line in shown", key)
		}
	}
}
