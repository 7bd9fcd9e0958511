package rtc

import (
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
)

// The server is ICE-lite for all other clients (docs/protocol.md, 2.10).
func TestFullICEReplacesICELiteForFirefoxAndOnRequest(t *testing.T) {
	h := newHarness(t)
	for name, tt := range map[string]struct {
		change func(*JoinRequest)
		full   bool
	}{
		"chrome": {func(r *JoinRequest) {
			r.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Browser: "chrome", Protocol: 17}
		}, false},
		"firefox": {func(r *JoinRequest) {
			r.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Browser: "firefox", Protocol: 17}
		}, true},
		"asked": {func(r *JoinRequest) { r.FullICE = true }, true},
	} {
		req := request(name)
		tt.change(&req)
		if full := !strings.Contains(h.join(req).firstOffer(), "a=ice-lite"); full != tt.full {
			t.Errorf("%s gets full ICE: %v", name, full)
		}
	}
}

// The refusal contains the client's request.
func TestTrackOfUnsupportedKindIsRefused(t *testing.T) {
	ada := newHarness(t).join(request("ada"))
	ada.send(addTrack("d", livekit.TrackType_DATA, livekit.TrackSource_UNKNOWN))
	refused := func(m *livekit.SignalResponse) bool {
		r := m.GetRequestResponse()
		return r.GetReason() == livekit.RequestResponse_UNSUPPORTED_TYPE && r.GetAddTrack().GetCid() == "d"
	}
	if !ada.sink.got(refused) {
		t.Errorf("no refusal in %v", ada.sink.all())
	}
}
