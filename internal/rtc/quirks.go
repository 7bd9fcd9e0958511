package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// clientQuirks hold what has to be done differently for a client (docs/protocol.md, 1.7). They are computed from what the
// client says of itself when it joins, and never change.
type clientQuirks struct {
	sdk string // its name, for the log

	// Its connections.
	fullICE        bool // it does not support ICE-lite
	tcp            bool // it may connect by ICE over TCP
	zeroChecksum   bool // it takes SCTP packets without a checksum (RFC 9653)
	red, av1       bool // it plays RED, and AV1; other clients offer to play them and fail
	reusesSections bool // it plays another track on a media section that has carried one
	syncsStreams   bool // it plays tracks of one stream in step, so it gets the streams' names
	mapsSections   bool // it gets the streams' names, and finds a track by its media section

	// The tracks it sends and receives.
	fixedSendCodec    bool                    // it sends a track in the codec the track was made with, whatever the answer prefers
	fixedReceiveCodec bool                    // it reads a track in the codec the track began with
	ignoresCodecOrder bool                    // it sends any codec of an answer, not the first
	needsFirstPacket  bool                    // it reports a track to the application only when the track's first packet comes
	disabled          *livekit.DisabledCodecs // the codecs that it fails with
	publishable       []*livekit.Codec        // the codecs that it may publish, the preferred first; never empty

	// The messages it knows.
	allResponses      bool // it ignores messages that are newer than it
	reconnectResponse bool // it knows ReconnectResponse, or ignores it
	trackUnpublished  bool // it knows that the server can unpublish a track
	lostQuality       bool // it knows the quality LOST
	newestSID         bool // it knows identities by their newest sid, so it needs no update about a participant that was replaced
	resumeAction      bool // it knows a Leave that makes it resume
	metadataResponse  bool // it waits for an answer to a change of its metadata
	roomMoved         bool // it knows RoomMoved
}

// quirksOf computes the quirks of a client.
func quirksOf(info *livekit.ClientInfo) clientQuirks {
	c := clientInfo{info}
	sdk, protocol := c.GetSdk(), c.GetProtocol()
	goSDK, js := sdk == livekit.ClientInfo_GO, sdk == livekit.ClientInfo_JS
	unknown := sdk == livekit.ClientInfo_UNKNOWN
	pion := goSDK || unknown // a client that does not say what it is may be built on pion
	firefox, safari := c.firefox(), c.safari()
	// SDKs for browsers before 2.16 find a track only by the names in the SDP. An SDK that does not say its version, such as
	// that of LiveKit's own tests, counts as old.
	maps := !js || c.atLeast(2, 16)
	syncs := js && protocol > 9 && !firefox
	disabled := c.disabledCodecs()
	return clientQuirks{
		sdk:     sdk.String(),
		fullICE: firefox,
		// LiveKit's Go SDK, and its Swift SDK before 1.0.5, fail with ICE over TCP.
		tcp: !goSDK && (sdk != livekit.ClientInfo_SWIFT || c.atLeast(1, 0, 5)),
		// LiveKit's Go SDK before 2.4.0 may fail with packets without a checksum.
		zeroChecksum: !unknown && (!goSDK || c.atLeast(2, 4, 0)),
		red:          !firefox && !safari,
		av1:          !safari,
		// Safari does not play a second track on a section, nor does LiveKit's Go SDK: its pion stops a section for good that the
		// server makes inactive. A client that finds tracks by their names would take the second track for the first, because a
		// browser keeps the first one's name.
		reusesSections: !safari && !pion && protocol > 3 && (!syncs || maps),
		syncsStreams:   syncs,
		mapsSections:   syncs && maps,

		fixedSendCodec:    pion,
		fixedReceiveCodec: pion,
		ignoresCodecOrder: firefox && (c.runsOn("linux") || c.runsOn("android")),
		needsFirstPacket:  goSDK,
		disabled:          disabled,
		publishable:       publishCodecs(disabled),

		// Rust clients before protocol 10 fail on messages that came later, old SDKs for browsers on a ReconnectResponse.
		allResponses:      sdk != livekit.ClientInfo_RUST || protocol >= 10,
		reconnectResponse: !js || c.GetVersion() == "" || c.atLeast(1, 6, 3), // an SDK that does not say its version counts as new
		trackUnpublished:  protocol >= 7,
		lostQuality:       protocol >= 11,
		newestSID:         protocol >= 12,
		resumeAction:      protocol >= 13,
		metadataResponse:  protocol >= 15,
		roomMoved:         protocol >= 16,
	}
}

// configuration returns the configuration that the client gets with its join.
func (q *clientQuirks) configuration() *livekit.ClientConfiguration {
	return &livekit.ClientConfiguration{ResumeConnection: livekit.ClientConfigSetting_ENABLED, DisabledCodecs: q.disabled}
}

// clientInfo is a client's description of itself.
type clientInfo struct{ *livekit.ClientInfo }

func (c clientInfo) firefox() bool {
	return strings.Contains(strings.ToLower(c.GetBrowser()), "firefox")
}
func (c clientInfo) safari() bool { return strings.EqualFold(c.GetBrowser(), "safari") }

func (c clientInfo) runsOn(os string) bool { return strings.EqualFold(c.GetOs(), os) }

// since reports whether the client's SDK has that version or a newer one. An SDK that does not say its version counts as
// old.
func (c clientInfo) atLeast(version ...int) bool {
	return slices.Compare(parseVersion(c.GetVersion()), version) >= 0
}

// deviceRule names a codec that some clients offer and fail with.
type deviceRule struct {
	applies     func(clientInfo) bool
	mime        string
	publishOnly bool // they play it without fault
}

// deviceRules are those of LiveKit 1.13.5 (pkg/clientconfiguration/conf.go).
var deviceRules = []deviceRule{
	{clientInfo.safari, webrtc.MimeTypeAV1, false},
	{clientInfo.safariAfter18_3, webrtc.MimeTypeVP9, true},
	{clientInfo.firefoxWithoutH264, webrtc.MimeTypeH264, true},
	{clientInfo.xiaomi2201117TI, webrtc.MimeTypeH264, true},
}

func (c clientInfo) safariAfter18_3() bool {
	return c.safari() && newerThan(c.GetBrowserVersion(), 18, 3)
}

func (c clientInfo) firefoxWithoutH264() bool {
	return c.firefox() && (c.runsOn("linux") || c.runsOn("android"))
}

func (c clientInfo) xiaomi2201117TI() bool {
	return c.runsOn("android") && strings.EqualFold(c.GetDeviceModel(), "xiaomi 2201117ti")
}

// disabledCodecs returns the codecs that the client offers and fails with, nil if there are none.
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

// publishCodecs returns the enabled codecs without the disabled ones.
func publishCodecs(off *livekit.DisabledCodecs) []*livekit.Codec {
	return slices.DeleteFunc(peer.EnabledCodecs(), func(c *livekit.Codec) bool {
		return hasCodec(off.GetCodecs(), c.Mime) || hasCodec(off.GetPublish(), c.Mime)
	})
}

func hasCodec(codecs []*livekit.Codec, mime string) bool {
	return slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return strings.EqualFold(c.Mime, mime) })
}

// newerThan compares a version such as "18.3.1" with major.minor, which means major.minor.0.
func newerThan(version string, major, minor int) bool {
	v := parseVersion(version)
	for len(v) > 2 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return slices.Compare(v, []int{major, minor}) > 0
}

// parseVersion reads a version such as "1.6.3-rc1". A part that is no number counts as 0. No version is older than any.
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
