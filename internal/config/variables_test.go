package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meet/internal/config"
)

// Kubernetes sets such variables for every service. With these service names, they look like settings.
func TestKubernetesServiceVariablesAreIgnored(t *testing.T) {
	for _, service := range []string{"MEET", "MEET_TURN", "MEET_LISTEN", "MEET_CONFIG", "SERVER", "LIVEKIT_URL", "LIVEKIT_URL_EU"} {
		environ := []string{
			"SERVICE_HOST=10.0.0.5", "SERVICE_PORT=8080", "SERVICE_PORT_HTTP_WEB=8080", "PORT=tcp://10.0.0.5:8080",
			"PORT_8080_TCP=tcp://10.0.0.5:8080", "PORT_8080_TCP_PROTO=tcp", "PORT_8080_TCP_PORT=8080", "PORT_8080_TCP_ADDR=10.0.0.5",
			"PORT_3478_UDP=udp://[fd00::5]:3478", "PORT_3478_UDP_PROTO=udp", "PORT_3478_UDP_PORT=3478", "PORT_3478_UDP_ADDR=fd00::5",
			"PORT_9_SCTP=sctp://10.0.0.5:9", "PORT_9_SCTP_PROTO=sctp", "PORT_9_SCTP_PORT=9", "PORT_9_SCTP_ADDR=10.0.0.5",
		}
		for i := range environ {
			environ[i] = service + "_" + environ[i]
		}
		t.Run(service, func(t *testing.T) {
			if diff := cmp.Diff(config.Default(), load(t, config.Source{Environ: environ})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKubernetesServiceVariableDoesNotOverrideDotEnv(t *testing.T) {
	c := load(t, config.Source{DotEnv: write(t, ".env", "SERVER_PORT=6080\n"), Environ: []string{"SERVER_PORT=tcp://10.0.0.5:80"}})
	if c.Listen != ":6080" {
		t.Errorf("listens on %s, want the port of .env", c.Listen)
	}
}

func TestUnknownVariablesAreListedWithTheClosestSetting(t *testing.T) {
	c := load(t, config.Source{
		DotEnv:  write(t, ".env", "MEET_LOGLEVEL=debug\n"),
		Environ: []string{"MEET_LISTN=:1", "MEET_listen=:1", "MEET_PORT=8080", "MEET_SERVICE_HOST=meet", "MEET_CONFIGS=a", "MEET_SPEED=", "MEETING=x"},
	})
	want := []config.UnknownVariable{
		{Name: "MEET_CONFIGS", Closest: "MEET_CONFIG"},
		{Name: "MEET_LISTN", Closest: "MEET_LISTEN"},
		{Name: "MEET_LOGLEVEL", Closest: "MEET_LOG_LEVEL"},
		{Name: "MEET_PORT", Closest: "MEET_LISTEN"},
		{Name: "MEET_SERVICE_HOST"},
		{Name: "MEET_listen", Closest: "MEET_LISTEN"},
	}
	if diff := cmp.Diff(want, c.UnknownVariables); diff != "" {
		t.Error(diff)
	}
}

func TestNodeIPThatBrowsersCannotReachIsRefused(t *testing.T) {
	for _, bad := range []string{
		"fe80::1%eth0", "fe80::1", "2001:db8::1%eth0", "169.254.1.2", "::ffff:169.254.1.2", "0.0.0.0", "::", "::ffff:0.0.0.0",
		"224.0.0.1", "::ffff:224.0.0.1", "ff02::1", "255.255.255.255", "192.0.2.1:7880", "[2001:db8::1]", "[2001:db8::1]:80", "192.0.2.0/24", "192.0.2.01",
	} {
		if c, err := config.Load(config.Source{Flags: map[string]string{"node_ip": bad}}); err == nil {
			t.Errorf("%s gives %s", bad, c.NodeIP)
		}
	}
	for given, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:DB8:0::1": "2001:db8::1", "127.0.0.1": "127.0.0.1", "::1": "::1", "10.0.0.5": "10.0.0.5", "fd00::5": "fd00::5",
	} {
		if c := load(t, config.Source{Flags: map[string]string{"node_ip": given}}); c.NodeIP != want {
			t.Errorf("%s gives %s, want %s", given, c.NodeIP, want)
		}
	}
}

func TestServerURLThatBrowsersCannotUseIsRefused(t *testing.T) {
	for _, bad := range []string{"ws://:7880", "ws://[fe80::1%25eth0]:7880", "live.example.org"} {
		for key, value := range map[string]string{"livekit_url": bad, "region_urls": `eu: "` + bad + `"`} {
			if _, err := config.Load(config.Source{Flags: map[string]string{key: value}}); err == nil {
				t.Errorf("%s=%s is accepted", key, value)
			}
		}
	}
}

// Windows editors and shells write byte order marks, UTF-16 and CRLF line ends.
func TestFilesInWindowsEncodingsAreRead(t *testing.T) {
	want := config.Default()
	want.Listen, want.LogLevel = ":9000", -4
	want.Keys = []config.Key{{Name: "k", Secret: "s"}}
	for name, encode := range map[string]func(string) string{
		"UTF-8 with byte order mark": func(s string) string { return "\ufeff" + s },
		"UTF-16 little-endian":       func(s string) string { return utf16Text(s, "\xff\xfe", 0) },
		"UTF-16 big-endian":          func(s string) string { return utf16Text(s, "\xfe\xff", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			want.KeyFile = write(t, "keys.yaml", encode("k: s\r\n"))
			dotEnv := write(t, ".env", encode("# settings\r\nMEET_LISTEN=:9000\r\nMEET_LOG_LEVEL=\"debug\"\r\nMEET_KEY_FILE="+want.KeyFile+"\r\n"))
			if diff := cmp.Diff(want, load(t, config.Source{DotEnv: dotEnv})); diff != "" {
				t.Error(".env:", diff)
			}
			first := write(t, ".env", encode("MEET_LISTEN=:9000\r\n")) // the byte order mark is not part of the variable's name
			if c := load(t, config.Source{DotEnv: first}); c.Listen != ":9000" {
				t.Errorf(".env: listens on %s", c.Listen)
			}
			file := write(t, "meet.yaml", encode("listen: :9000\r\nlog_level: debug\r\nkey_file: "+want.KeyFile+"\r\n"))
			if diff := cmp.Diff(want, load(t, config.Source{File: file})); diff != "" {
				t.Error("settings:", diff)
			}
		})
	}
}

// utf16Text returns the byte order mark and then the ASCII text in UTF-16. place is the index of the ASCII byte in
// each pair of bytes: 0 for little-endian, 1 for big-endian.
func utf16Text(s, mark string, place int) string {
	text := []byte(mark)
	for _, b := range []byte(s) {
		unit := [2]byte{}
		unit[place] = b
		text = append(text, unit[:]...)
	}
	return string(text)
}
