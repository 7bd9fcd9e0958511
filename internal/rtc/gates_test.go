package rtc

import (
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
)

func TestClientsAreTreatedAsTheyNeed(t *testing.T) {
	js := func(version, browser, browserVersion, os string) *livekit.ClientInfo {
		return &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: version, Browser: browser, BrowserVersion: browserVersion, Os: os}
	}
	for name, c := range map[string]struct {
		client    *livekit.ClientInfo
		without   string // codecs it may not publish
		noDecode  string
		reconnect bool // understands a ReconnectResponse
		red, tcp  bool
	}{
		"Chrome":                 {js("2.23.0", "Chrome", "140", "Windows"), "", "", true, true, true},
		"an old SDK":             {js("1.6.2", "Chrome", "140", "Windows"), "", "", false, true, true},
		"one of that version":    {js("1.6.3", "Chrome", "140", "Windows"), "", "", true, true, true},
		"no version":             {js("", "Chrome", "140", "Windows"), "", "", true, true, true},
		"Firefox on Linux":       {js("2.23.0", "Firefox", "140", "Linux"), "video/h264", "", true, false, true},
		"Firefox elsewhere":      {js("2.23.0", "Firefox", "140", "Windows"), "", "", true, false, true},
		"Safari":                 {js("2.23.0", "Safari", "18.3", "macOS"), "video/av1", "video/av1", true, false, true},
		"Safari 18.4":            {js("2.23.0", "Safari", "18.4", "macOS"), "video/av1,video/vp9", "video/av1", true, false, true},
		"Go":                     {&livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: "1.0"}, "", "", true, true, false},
		"says nothing of itself": {&livekit.ClientInfo{}, "", "", true, true, true},
	} {
		req := JoinRequest{Client: c.client}
		if req.knowsReconnect() != c.reconnect || req.takesRED() != c.red || req.takesTCP() != c.tcp {
			t.Errorf("%s: reconnect %v, RED %v, TCP %v", name, req.knowsReconnect(), req.takesRED(), req.takesTCP())
		}
		var missing []string
		for _, c := range enabledCodecs() {
			if !slices.ContainsFunc(req.publishCodecs(), func(p *livekit.Codec) bool { return p.Mime == c.Mime }) {
				missing = append(missing, c.Mime)
			}
		}
		slices.Sort(missing)
		if got := strings.Join(missing, ","); got != c.without {
			t.Errorf("%s may not publish %q, want %q", name, got, c.without)
		}
		var disabled []string
		for _, d := range req.disabledCodecs().GetCodecs() {
			disabled = append(disabled, strings.ToLower(d.Mime))
		}
		if got := strings.Join(disabled, ","); got != c.noDecode {
			t.Errorf("%s cannot decode %q, want %q", name, got, c.noDecode)
		}
	}
}
