package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// clientQuirks holds the properties of a client that make the server treat it differently (docs/protocol.md, 1.7). They
// are derived from the description that the client sends when it joins, and never change.
type clientQuirks struct {
	sdk string // name of the SDK, for logs

	// Properties of the client's connections.
	fullICE        bool // does not support ICE-lite
	tcp            bool // supports ICE over TCP
	turnUDP        bool // connects directly over UDP even if a TURN server has the address of the media socket
	zeroChecksum   bool // accepts SCTP packets without a checksum (RFC 9653)
	red, av1       bool // can play RED and AV1; clients without the flag offer the codec but cannot play it
	reusesSections bool // can play a second track on a media section that has carried another
	syncsStreams   bool // plays the tracks of one stream in sync, so its SDP contains the streams' names
	mapsSections   bool // can find a track by its media section when its SDP contains the streams' names

	// Properties of the tracks that the client sends and receives.
	fixedSendCodec    bool                    // sends a track in the codec with which the track was created, whatever the answer prefers
	fixedReceiveCodec bool                    // cannot follow a change of codec within a received track
	ignoresCodecOrder bool                    // may send any codec of an answer, not only the first
	needsFirstPacket  bool                    // reports a received track to the application only after the track's first packet
	disabled          *livekit.DisabledCodecs // codecs that the client offers but fails with
	publishable       []*livekit.Codec        // codecs that the client may publish, the preferred one first; never empty

	// Messages that the client supports.
	allResponses      bool // ignores unknown messages
	reconnectResponse bool // supports or ignores ReconnectResponse
	trackUnpublished  bool // supports TrackUnpublished from the server
	lostQuality       bool // supports the connection quality LOST
	newestSID         bool // identifies participants by their newest SID, so needs no update when one is replaced
	resumeAction      bool // supports a Leave that asks it to resume
	metadataResponse  bool // waits for an answer to a change of its metadata
	roomMoved         bool // supports RoomMoved
}

// quirksOf derives the quirks of a client from its description.
func quirksOf(info *livekit.ClientInfo) clientQuirks {
	c := clientInfo{info}
	sdk, protocol := c.GetSdk(), c.GetProtocol()
	goSDK, js := sdk == livekit.ClientInfo_GO, sdk == livekit.ClientInfo_JS
	unknown := sdk == livekit.ClientInfo_UNKNOWN
	pion := goSDK || unknown // a client of unknown SDK may be built on pion
	firefox, safari := c.firefox(), c.safari()
	// LiveKit's JS SDK before 2.16 finds a track only by the names in the SDP. An SDK without a version counts as old,
	// for example the one of LiveKit's own tests.
	maps := !js || c.atLeast(2, 16)
	syncs := js && protocol > 9 && !firefox
	disabled := c.disabledCodecs()
	return clientQuirks{
		sdk:     sdk.String(),
		fullICE: firefox,
		// LiveKit's Go SDK, and its Swift SDK before 1.0.5, fail with ICE over TCP.
		tcp: !goSDK && (sdk != livekit.ClientInfo_SWIFT || c.atLeast(1, 0, 5)),
		// libwebrtc gathers direct candidates and reaches the TURN server with one socket. It passes packets from the server's
		// address to TURN, which drops the responses to direct ICE checks. Chromium and Safari are built on it, and so are
		// LiveKit's SDKs except for Go. A STUN server at the same address does not change this in livekit-client, which creates
		// the connection before it gets the list of servers.
		turnUDP: pion || firefox,
		// LiveKit's Go SDK before 2.4.0 may fail with packets without a checksum.
		zeroChecksum: !unknown && (!goSDK || c.atLeast(2, 4, 0)),
		red:          !firefox && !safari,
		av1:          !safari,
		// Safari cannot play a second track on a section. LiveKit's Go SDK cannot either: its pion stops a section
		// permanently when the server makes the section inactive. A client that finds tracks by name would mistake the
		// second track for the first, because a browser keeps the first track's name.
		reusesSections: !safari && !pion && protocol > 3 && (!syncs || maps),
		syncsStreams:   syncs,
		mapsSections:   syncs && maps,

		fixedSendCodec:    pion,
		fixedReceiveCodec: pion,
		ignoresCodecOrder: firefox && (c.runsOn("linux") || c.runsOn("android")),
		needsFirstPacket:  goSDK,
		disabled:          disabled,
		publishable:       publishCodecs(disabled),

		// Rust clients before protocol 10 fail on unknown messages. JS SDKs before 1.6.3 fail on a ReconnectResponse.
		allResponses:      sdk != livekit.ClientInfo_RUST || protocol >= 10,
		reconnectResponse: !js || c.GetVersion() == "" || c.atLeast(1, 6, 3), // an SDK without a version counts as new here
		trackUnpublished:  protocol >= 7,
		lostQuality:       protocol >= 11,
		newestSID:         protocol >= 12,
		resumeAction:      protocol >= 13,
		metadataResponse:  protocol >= 15,
		roomMoved:         protocol >= 16,
	}
}

// configuration returns the configuration that is sent to the client at its join.
func (q *clientQuirks) configuration() *livekit.ClientConfiguration {
	return &livekit.ClientConfiguration{ResumeConnection: livekit.ClientConfigSetting_ENABLED, DisabledCodecs: q.disabled}
}

// clientInfo is the description that a client sends of itself.
type clientInfo struct{ *livekit.ClientInfo }

// firefox reports whether the client runs in Firefox.
func (c clientInfo) firefox() bool {
	return strings.Contains(strings.ToLower(c.GetBrowser()), "firefox")
}

// safari reports whether the client runs in Safari.
func (c clientInfo) safari() bool { return strings.EqualFold(c.GetBrowser(), "safari") }

// runsOn reports whether the client runs on the operating system os.
func (c clientInfo) runsOn(os string) bool { return strings.EqualFold(c.GetOs(), os) }

// atLeast reports whether the client's SDK has this version or a newer one. An SDK without a version counts as old.
func (c clientInfo) atLeast(version ...int) bool {
	return slices.Compare(parseVersion(c.GetVersion()), version) >= 0
}

// deviceRule disables a codec for clients that offer it but fail with it.
type deviceRule struct {
	applies     func(clientInfo) bool
	mime        string
	publishOnly bool // the client can play the codec, but not send it
}

// deviceRules lists the rules of LiveKit 1.13.5 (pkg/clientconfiguration/conf.go).
var deviceRules = []deviceRule{
	{clientInfo.safari, webrtc.MimeTypeAV1, false},
	{clientInfo.safariAfter18_3, webrtc.MimeTypeVP9, true},
	{clientInfo.firefoxWithoutH264, webrtc.MimeTypeH264, true},
	{clientInfo.xiaomi2201117TI, webrtc.MimeTypeH264, true},
}

// safariAfter18_3 reports whether the client runs in a Safari newer than 18.3.
func (c clientInfo) safariAfter18_3() bool {
	return c.safari() && newerThan(c.GetBrowserVersion(), 18, 3)
}

// firefoxWithoutH264 reports whether the client runs in a Firefox that cannot send H264.
func (c clientInfo) firefoxWithoutH264() bool {
	return c.firefox() && (c.runsOn("linux") || c.runsOn("android"))
}

// xiaomi2201117TI reports whether the client runs on this model of phone.
func (c clientInfo) xiaomi2201117TI() bool {
	return c.runsOn("android") && strings.EqualFold(c.GetDeviceModel(), "xiaomi 2201117ti")
}

// disabledCodecs returns the codecs that the client offers but fails with, or nil if there are none.
func (c clientInfo) disabledCodecs() *livekit.DisabledCodecs {
	var off *livekit.DisabledCodecs
	for _, rule := range deviceRules {
		if !rule.applies(c) {
			continue
		}
		if off == nil {
			off = &livekit.DisabledCodecs{}
		}
		list := &off.Codecs
		if rule.publishOnly {
			list = &off.Publish
		}
		if mime := strings.ToLower(rule.mime); !hasCodec(*list, mime) {
			*list = append(*list, &livekit.Codec{Mime: mime})
		}
	}
	return off
}

// publishCodecs returns the server's enabled codecs without the disabled ones.
func publishCodecs(disabled *livekit.DisabledCodecs) []*livekit.Codec {
	return slices.DeleteFunc(peer.EnabledCodecs(), func(c *livekit.Codec) bool {
		return hasCodec(disabled.GetCodecs(), c.Mime) || hasCodec(disabled.GetPublish(), c.Mime)
	})
}

// hasCodec reports whether codecs contains the MIME type, ignoring case.
func hasCodec(codecs []*livekit.Codec, mime string) bool {
	return slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return strings.EqualFold(c.Mime, mime) })
}

// newerThan reports whether a version such as "18.3.1" is newer than major.minor.0.
func newerThan(version string, major, minor int) bool {
	v := parseVersion(version)
	for len(v) > 2 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return slices.Compare(v, []int{major, minor}) > 0
}

// parseVersion parses a version such as "1.6.3-rc1" into its numbers, without the suffix. A part that is not a number
// becomes 0. For "" it returns nil, which compares as older than any version.
func parseVersion(text string) []int {
	if text == "" {
		return nil
	}
	text, _, _ = strings.Cut(text, "-")
	var version []int
	for part := range strings.SplitSeq(text, ".") {
		n, _ := strconv.Atoi(part)
		version = append(version, n)
	}
	return version
}
