package main

import (
	"testing"

	"meet/internal/config"
)

func TestCommandsCallTheServerOfTheSettingsUnlessTheyHaveAURL(t *testing.T) {
	for _, tt := range []struct {
		name, url string
		cfg       config.Config
		want      string
	}{
		{"URL", "https://other.example.org", config.Config{Listen: ":8080"}, "https://other.example.org"},
		{"signalling server", "", config.Config{Listen: ":8080", LiveKitURL: "wss://live.example.org"}, "wss://live.example.org"},
		{"all addresses", "", config.Config{Listen: "0.0.0.0:8080"}, "http://localhost:8080"},
		{"one address", "", config.Config{Listen: "192.0.2.1:8080"}, "http://192.0.2.1:8080"},
		{"domain", "", config.Config{Listen: ":443", Domain: "meet.example.org"}, "https://meet.example.org:443"},
		{"certificate files", "", config.Config{Listen: ":8443", TLSCert: "cert.pem"}, "https://localhost:8443"},
		{"LAN", "", config.Config{Listen: ":8443", LAN: true}, "https://localhost:8443"},
		{"unknown port", "", config.Config{Listen: ":0"}, ""},
	} {
		if got, err := serverAddress(tt.url, tt.cfg); got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}
