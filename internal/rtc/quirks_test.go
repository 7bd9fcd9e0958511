package rtc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// mimes returns the names of codecs without "video/".
func mimes(codecs []*livekit.Codec) []string {
	var list []string
	for _, c := range codecs {
		list = append(list, strings.TrimPrefix(c.Mime, "video/"))
	}
	return list
}

// The expected codecs are those that the reference server disables (docs/protocol.md, 1.7).
func TestCodecsThatAreBrokenInAClientAreDisabledForIt(t *testing.T) {
	for _, tt := range []struct {
		name                                 string
		client                               *livekit.ClientInfo
		everywhere, publishing, mayNotInList []string
	}{
		{"Chrome", &livekit.ClientInfo{Browser: "Chrome", Os: "linux"}, nil, nil, nil},
		{"Safari 18.3", &livekit.ClientInfo{Browser: "Safari", BrowserVersion: "18.3"}, []string{"av1"}, nil, []string{"av1"}},
		{"Safari 18.4", &livekit.ClientInfo{Browser: "safari", BrowserVersion: "18.4"}, []string{"av1"}, []string{"vp9"}, []string{"av1", "vp9"}},
		{"Safari 26", &livekit.ClientInfo{Browser: "Safari", BrowserVersion: "26.0.1"}, []string{"av1"}, []string{"vp9"}, []string{"av1", "vp9"}},
		{"Safari 18.3.1", &livekit.ClientInfo{Browser: "Safari", BrowserVersion: "18.3.1"}, []string{"av1"}, []string{"vp9"}, []string{"av1", "vp9"}},
		{"Safari 18.3.0", &livekit.ClientInfo{Browser: "Safari", BrowserVersion: "18.3.0"}, []string{"av1"}, nil, []string{"av1"}},
		{"Safari without a version", &livekit.ClientInfo{Browser: "Safari"}, []string{"av1"}, nil, []string{"av1"}},
		{"Firefox on Linux", &livekit.ClientInfo{Browser: "Firefox", Os: "Linux"}, nil, []string{"h264"}, []string{"h264"}},
		{"Firefox on Android", &livekit.ClientInfo{Browser: "Firefox Mobile", Os: "android"}, nil, []string{"h264"}, []string{"h264"}},
		{"Firefox on Windows", &livekit.ClientInfo{Browser: "Firefox", Os: "windows"}, nil, nil, nil},
		{"Xiaomi 2201117TI", &livekit.ClientInfo{DeviceModel: "Xiaomi 2201117TI", Os: "android"}, nil, []string{"h264"}, []string{"h264"}},
		{"the same model name on another system", &livekit.ClientInfo{DeviceModel: "Xiaomi 2201117TI", Os: "linux"}, nil, nil, nil},
		{"another Xiaomi", &livekit.ClientInfo{DeviceModel: "Xiaomi 2201117TG", Os: "android"}, nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := quirksOf(tt.client)
			off := q.configuration().DisabledCodecs
			if d := cmp.Diff(tt.everywhere, mimes(off.GetCodecs())); d != "" {
				t.Error("everywhere", d)
			}
			if d := cmp.Diff(tt.publishing, mimes(off.GetPublish())); d != "" {
				t.Error("publishing", d)
			}
			may := mimes(q.publishable)
			if may[0] != "vp8" {
				t.Errorf("the preferred codec is %s", may[0])
			}
			for _, codec := range []string{"vp8", "vp9", "av1", "h264"} {
				if got := slices.Contains(may, codec); got == slices.Contains(tt.mayNotInList, codec) {
					t.Errorf("may publish %s: %v", codec, got)
				}
			}
		})
	}
}

// LiveKit 1.13.5 (pkg/rtc/clientinfo.go) makes the same decisions about ICE over TCP, SCTP zero checksums and request
// responses.
func TestClientQuirksDependOnSDKVersion(t *testing.T) {
	for _, tt := range []struct {
		client                       *livekit.ClientInfo
		tcp, zeroChecksum, responses bool
	}{
		{&livekit.ClientInfo{}, true, false, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "1.0.0"}, true, true, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_GO}, false, false, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: "2.3.9"}, false, false, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: "2.4.0"}, false, true, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_SWIFT, Version: "1.0.4"}, false, true, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_SWIFT, Version: "1.0.5"}, true, true, true},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_RUST, Protocol: 9}, true, true, false},
		{&livekit.ClientInfo{Sdk: livekit.ClientInfo_RUST, Protocol: 10}, true, true, true},
	} {
		q := quirksOf(tt.client)
		if got := q.tcp; got != tt.tcp {
			t.Errorf("%v: ICE over TCP %v", tt.client, got)
		}
		if got := q.zeroChecksum; got != tt.zeroChecksum {
			t.Errorf("%v: zero checksum %v", tt.client, got)
		}
		if got := q.allResponses; got != tt.responses {
			t.Errorf("%v: all responses %v", tt.client, got)
		}
	}
}

// The test compares all quirks of the most important clients.
func TestMajorClientsHaveExpectedQuirks(t *testing.T) {
	modern := clientQuirks{ // the quirks of a client that supports everything
		tcp: true, zeroChecksum: true, red: true, av1: true, reusesSections: true, syncsStreams: true, mapsSections: true,
		allResponses: true, reconnectResponse: true, trackUnpublished: true, lostQuality: true, newestSID: true,
		resumeAction: true, metadataResponse: true, roomMoved: true,
	}
	for _, tt := range []struct {
		name   string
		client *livekit.ClientInfo
		change func(*clientQuirks)
	}{
		{"Chrome", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Chrome"}, func(q *clientQuirks) { q.sdk = "JS" }},
		{"Firefox", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Firefox", Os: "windows"}, func(q *clientQuirks) {
			q.sdk, q.fullICE, q.turnUDP, q.red, q.syncsStreams, q.mapsSections = "JS", true, true, false, false, false
		}},
		{"Firefox on Android", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Firefox", Os: "Android"}, func(q *clientQuirks) {
			q.sdk, q.fullICE, q.turnUDP, q.red, q.syncsStreams, q.mapsSections, q.ignoresCodecOrder = "JS", true, true, false, false, false, true
		}},
		{"Safari", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "2.23.0", Protocol: 17, Browser: "Safari"}, func(q *clientQuirks) {
			q.sdk, q.red, q.av1, q.reusesSections = "JS", false, false, false
		}},
		{"JS without a version", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17}, func(q *clientQuirks) {
			q.sdk, q.reusesSections, q.mapsSections = "JS", false, false
		}},
		{"JS 1.6.2 of protocol 9", &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "1.6.2", Protocol: 9}, func(q *clientQuirks) {
			*q = clientQuirks{sdk: "JS", tcp: true, zeroChecksum: true, red: true, av1: true, reusesSections: true, allResponses: true, trackUnpublished: true}
		}},
		{"Go", &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Version: "2.16.0", Protocol: 16}, func(q *clientQuirks) {
			q.sdk, q.tcp, q.reusesSections, q.syncsStreams, q.mapsSections = "GO", false, false, false, false
			q.turnUDP, q.fixedSendCodec, q.fixedReceiveCodec, q.needsFirstPacket = true, true, true, true
		}},
		{"Rust of protocol 9", &livekit.ClientInfo{Sdk: livekit.ClientInfo_RUST, Protocol: 9}, func(q *clientQuirks) {
			*q = clientQuirks{sdk: "RUST", tcp: true, zeroChecksum: true, red: true, av1: true, reusesSections: true, reconnectResponse: true, trackUnpublished: true}
		}},
		{"Swift 2", &livekit.ClientInfo{Sdk: livekit.ClientInfo_SWIFT, Version: "2.0.0", Protocol: 15}, func(q *clientQuirks) {
			q.sdk, q.syncsStreams, q.mapsSections, q.roomMoved = "SWIFT", false, false, false
		}},
		{"no client info", nil, func(q *clientQuirks) {
			*q = clientQuirks{sdk: "UNKNOWN", tcp: true, turnUDP: true, red: true, av1: true, fixedSendCodec: true, fixedReceiveCodec: true, allResponses: true, reconnectResponse: true}
		}},
	} {
		want, got := modern, quirksOf(tt.client)
		tt.change(&want)
		got.disabled, got.publishable = nil, nil // see TestCodecsThatAreBrokenInAClientAreDisabledForIt
		if d := cmp.Diff(want, got, cmp.AllowUnexported(clientQuirks{})); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// A codec that the client must not publish is removed from the sections on which it sends, unless the section has no
// other codec. It remains in the sections on which the client receives.
func TestDisabledCodecsAreRemovedFromSDPAnswer(t *testing.T) {
	for _, tt := range []struct {
		name     string
		client   *livekit.ClientInfo
		onlyH264 bool // the client offers no other codec
		want     []string
	}{
		{"Chrome", &livekit.ClientInfo{Browser: "Chrome", Os: "linux"}, false, []string{"vp8", "vp9", "av1", "h264"}},
		{"Xiaomi 2201117TI", &livekit.ClientInfo{DeviceModel: "Xiaomi 2201117TI", Os: "android"}, false, []string{"vp8", "vp9", "av1"}},
		{"Firefox on Linux", &livekit.ClientInfo{Browser: "Firefox", Os: "Linux"}, false, []string{"vp8", "vp9", "av1"}},
		{"Safari 18.4", &livekit.ClientInfo{Browser: "Safari", BrowserVersion: "18.4"}, false, []string{"vp8", "h264"}},
		{"H264 only", &livekit.ClientInfo{DeviceModel: "Xiaomi 2201117TI", Os: "android"}, true, []string{"h264"}},
	} {
		for _, single := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, single %v", tt.name, single), func(t *testing.T) {
				req := request("ada")
				req.Client, req.SinglePC = tt.client, single
				ada := newHarness(t).join(req)
				ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: camera()}})
				mime := webrtc.MimeTypeVP8
				if tt.onlyH264 {
					mime = webrtc.MimeTypeH264
				}
				ada.sendMedia(mime, "v")
				if _, err := ada.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
					t.Fatal(err)
				}
				for _, tr := range ada.pc.GetTransceivers() {
					offered := slices.DeleteFunc(tr.Receiver().GetParameters().Codecs, func(c webrtc.RTPCodecParameters) bool { return tt.onlyH264 && c.MimeType != mime })
					if err := tr.SetCodecPreferences(offered); err != nil {
						t.Fatal(err)
					}
				}
				ada.negotiate()
				m := sectionsOf(t, ada.sink.answers()[0])
				sends, receives := codecsIn(m[0]), codecsIn(m[1])
				slices.Sort(sends)
				slices.Sort(tt.want)
				if d := cmp.Diff(tt.want, sends); d != "" {
					t.Error(d)
				}
				if !slices.Contains(receives, "h264") {
					t.Errorf("receives %v", receives)
				}
			})
		}
	}
}

// A disabled codec is replaced by an enabled one; duplicates are dropped.
func TestDisabledCodecInAddTrackIsReplaced(t *testing.T) {
	h := newHarness(t)
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Browser: "Firefox", Os: "Linux"}
	ada := h.join(req)
	if !ada.sink.got(func(m *livekit.SignalResponse) bool {
		j := m.GetJoin()
		return hasCodec(j.GetClientConfiguration().GetDisabledCodecs().GetPublish(), webrtc.MimeTypeH264) && !hasCodec(j.EnabledPublishCodecs, webrtc.MimeTypeH264)
	}) {
		t.Error("the join response does not disable H264 for Firefox")
	}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "c", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA,
		SimulcastCodecs: []*livekit.SimulcastCodec{{Codec: "h264", Cid: "c"}, {Codec: "vp8"}},
	}}})
	if !ada.sink.got(func(m *livekit.SignalResponse) bool {
		track := m.GetTrackPublished().GetTrack()
		return track.GetMimeType() == "video/vp8" && len(track.GetCodecs()) == 1 && track.Codecs[0].Cid == "c"
	}) {
		t.Error("H264 was not replaced")
	}
}

// sectionsOf returns the media sections of an SDP.
func sectionsOf(t testing.TB, text string) []*sdp.MediaDescription {
	t.Helper()
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	return d.MediaDescriptions
}

// codecsIn returns the codecs of a media section in order, without retransmission formats.
func codecsIn(m *sdp.MediaDescription) []string {
	names := map[string]string{}
	for _, a := range m.Attributes {
		if pt, encoding, ok := strings.Cut(a.Value, " "); ok && a.Key == "rtpmap" {
			name, _, _ := strings.Cut(strings.ToLower(encoding), "/")
			names[pt] = name
		}
	}
	var list []string
	for _, pt := range m.MediaName.Formats {
		if name := names[pt]; name != "rtx" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// The first media section offered to a subscriber lists the track's codecs first, then a codec that every client
// supports, then all others. The answer therefore shows which codecs the client supports. Codecs that the client's
// browser fails with are left out.
func TestFirstMediaSectionForASubscriberListsTheTracksCodecsFirst(t *testing.T) {
	for _, tt := range []struct {
		browser, mime string
		want          []string
	}{
		{"Chrome", "audio/red", []string{"red", "opus", "pcmu", "pcma"}},
		{"Firefox", "audio/red", []string{"opus", "pcmu", "pcma"}},
		{"Safari", "audio/red", []string{"opus", "pcmu", "pcma"}},
		{"Chrome", "video/av1", []string{"av1", "vp8", "h264", "vp9"}},
		{"Safari", "video/av1", []string{"vp8", "h264", "vp9"}},
		{"Safari", "video/vp8", []string{"vp8", "h264", "vp9"}},
	} {
		t.Run(tt.browser+" "+tt.mime, func(t *testing.T) {
			h := newHarness(t)
			ada := h.join(request("ada"))
			kind := livekit.TrackType_VIDEO
			if strings.HasPrefix(tt.mime, "audio/") {
				kind = livekit.TrackType_AUDIO
			}
			pub := ada.publishWithoutMedia(kind)
			ada.inspect(func(*Participant) {
				pub.codecs[0].info.MimeType = tt.mime
				pub.codecs[0].receiver = sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: tt.mime, ClockRate: 90_000}})
			})
			req := request("bo")
			req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17, Browser: tt.browser}
			bo := h.join(req)
			eventually(t, "an offer", func() bool { return len(bo.sink.offers()) > 0 })
			for _, m := range sectionsOf(t, bo.sink.offers()[0].Sdp) {
				if m.MediaName.Media == strings.ToLower(kind.String()) {
					if d := cmp.Diff(tt.want, codecsIn(m)); d != "" {
						t.Error(d)
					}
				}
			}
			if bo.sink.got(func(m *livekit.SignalResponse) bool { return m.GetLeave() != nil }) {
				t.Error("bo got a Leave")
			}
		})
	}
}

func TestPlayoutDelayIsOfferedIfRoomSetsIt(t *testing.T) {
	for _, delay := range []uint32{0, 200} {
		h := newHarness(t)
		req := request("ada")
		req.RoomConfig = &livekit.RoomConfiguration{MinPlayoutDelay: delay}
		h.join(req).publishWithoutMedia(livekit.TrackType_VIDEO)
		bo := h.join(request("bo"))
		eventually(t, "an offer", func() bool { return len(bo.sink.offers()) > 0 })
		if got := strings.Contains(bo.sink.offers()[0].Sdp, sfu.PlayoutDelayURI); got != (delay > 0) {
			t.Errorf("with a delay of %d ms the extension is offered: %v", delay, got)
		}
	}
}

// A RED packet contains the previous frames, so lost packets need no retransmission.
func TestNACKIsOfferedForAudioExceptRED(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	pub := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	ada.inspect(func(*Participant) { pub.codecs[0].info.MimeType = peer.MimeTypeRED })
	bo := h.join(request("bo"))
	eventually(t, "an offer", func() bool { return len(bo.sink.offers()) > 0 })
	var nacked []string
	for _, m := range sectionsOf(t, bo.sink.offers()[0].Sdp) {
		for _, a := range m.Attributes {
			if pt, ok := strings.CutSuffix(a.Value, " nack"); ok && a.Key == "rtcp-fb" && m.MediaName.Media == "audio" {
				nacked = append(nacked, pt)
			}
		}
	}
	if !slices.Contains(nacked, "111") || slices.Contains(nacked, "63") {
		t.Errorf("NACK is offered for the payload types %v", nacked)
	}
}
