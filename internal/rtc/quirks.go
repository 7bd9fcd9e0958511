package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// clientQuirks are what has to be done differently for one client (docs/protocol.md, 1.7). They follow from what it
// says of itself when it joins, and never change.
type clientQuirks struct {
	sdk string // its name, for the log

	// Its connections.
	fullICE      bool // it does not get along with ICE-lite
	tcp          bool // it may connect by ICE over TCP
	zeroChecksum bool // it takes SCTP packets without a checksum (RFC 9653)
	red, av1     bool // it plays what it offers to play
	reuses       bool // it plays another track on a media section that has carried one
	syncsStreams bool // it plays tracks of one stream in step, and so is told the streams' names
	mapsSections bool // it is told the streams' names, and finds a track by its media section

	// The tracks it sends and receives.
	fixedSendCodec    bool // it sends a track in the codec it was made with, whichever stands first in the answer
	fixedReceiveCodec bool // it reads a track in the codec it began with
	ignoresOrder      bool // it sends any codec an answer holds, not the first one
	wantsPackets      bool // it tells the application of a track only when its first packet comes
	disabled          *livekit.DisabledCodecs
	publish           []*livekit.Codec // those it may publish, the preferred first; never empty

	// The messages it knows.
	allResponses      bool // it does not fail on messages that came after its version
	reconnectResponse bool // it does not break on a ReconnectResponse
	trackUnpublished  bool // it knows that the server can take a track back
	lostQuality       bool // it knows the quality LOST
	newestSID         bool // it knows identities by their newest sid, so it needs no word of one that was replaced
	resumeAction      bool // it knows a Leave that makes it resume
	metadataResponse  bool // it waits for an answer to a change of its metadata
	roomMoved         bool // it knows what a move to another room is
}

// quirksOf computes the quirks of a client.
func quirksOf(info *livekit.ClientInfo) clientQuirks {
	c := clientInfo{info}
	sdk, protocol := c.GetSdk(), c.GetProtocol()
	goSDK, js := sdk == livekit.ClientInfo_GO, sdk == livekit.ClientInfo_JS
	unknown := sdk == livekit.ClientInfo_UNKNOWN
	pion := goSDK || unknown // those that do not say what they are may be built on it
	firefox, safari := c.firefox(), c.safari()
	// Browsers' SDKs from before 2.16 know a track by nothing but the names in the SDP. Those that do not say their version,
	// such as LiveKit's own tests, are taken for such.
	maps := !js || c.since(2, 16)
	syncs := js && protocol > 9 && !firefox
	disabled := c.disabledCodecs()
	return clientQuirks{
		sdk:     sdk.String(),
		fullICE: firefox,
		// LiveKit's Go SDK, and its Swift SDK before 1.0.5, do not get along with ICE over TCP.
		tcp: !goSDK && (sdk != livekit.ClientInfo_SWIFT || c.since(1, 0, 5)),
		// LiveKit's Go SDK before 2.4.0 may not get along with packets without a checksum.
		zeroChecksum: !unknown && (!goSDK || c.since(2, 4, 0)),
		red:          !firefox && !safari,
		av1:          !safari,
		// Safari does not, nor does LiveKit's Go SDK, whose pion stops a section for good that the server makes inactive; nor do
		// those that would take the track for the one before, because a browser keeps the first one's name.
		reuses:       !safari && !pion && protocol > 3 && (!syncs || maps),
		syncsStreams: syncs,
		mapsSections: syncs && maps,

		fixedSendCodec:    pion,
		fixedReceiveCodec: pion,
		ignoresOrder:      firefox && (c.runsOn("linux") || c.runsOn("android")),
		wantsPackets:      goSDK,
		disabled:          disabled,
		publish:           publishCodecs(disabled),

		// Rust clients before protocol 10 fail on messages that came later, old SDKs for browsers on a ReconnectResponse.
		allResponses:      sdk != livekit.ClientInfo_RUST || protocol >= 10,
		reconnectResponse: !js || c.GetVersion() == "" || c.since(1, 6, 3), // one that does not say its version is taken for new
		trackUnpublished:  protocol >= 7,
		lostQuality:       protocol >= 11,
		newestSID:         protocol >= 12,
		resumeAction:      protocol >= 13,
		metadataResponse:  protocol >= 15,
		roomMoved:         protocol >= 16,
	}
}

// configuration is what the client is told of how to behave here.
func (q *clientQuirks) configuration() *livekit.ClientConfiguration {
	return &livekit.ClientConfiguration{ResumeConnection: livekit.ClientConfigSetting_ENABLED, DisabledCodecs: q.disabled}
}

// clientInfo is what a client says of itself.
type clientInfo struct{ *livekit.ClientInfo }

func (c clientInfo) firefox() bool {
	return strings.Contains(strings.ToLower(c.GetBrowser()), "firefox")
}
func (c clientInfo) safari() bool { return strings.EqualFold(c.GetBrowser(), "safari") }

func (c clientInfo) runsOn(os string) bool { return strings.EqualFold(c.GetOs(), os) }

// since reports whether the client's SDK is of that version or newer; one that does not say is old.
func (c clientInfo) since(version ...int) bool {
	return slices.Compare(versionOf(c.GetVersion()), version) >= 0
}

// deviceRule names a codec that some clients say they know and fail with.
type deviceRule struct {
	applies     func(clientInfo) bool
	mime        string
	publishOnly bool // they play it all the same
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

// disabledCodecs are those the client says it knows and fails with; nil when there are none.
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
		if mime := strings.ToLower(rule.mime); !listed(*list, mime) {
			*list = append(*list, &livekit.Codec{Mime: mime})
		}
	}
	return off
}

// publishCodecs are those a client may publish that is told to leave some.
func publishCodecs(off *livekit.DisabledCodecs) []*livekit.Codec {
	return slices.DeleteFunc(peer.EnabledCodecs(), func(c *livekit.Codec) bool {
		return listed(off.GetCodecs(), c.Mime) || listed(off.GetPublish(), c.Mime)
	})
}

func listed(codecs []*livekit.Codec, mime string) bool {
	return slices.ContainsFunc(codecs, func(c *livekit.Codec) bool { return strings.EqualFold(c.Mime, mime) })
}

// newerThan compares a version such as "18.3.1" with major.minor, which means major.minor.0.
func newerThan(version string, major, minor int) bool {
	v := versionOf(version)
	for len(v) > 2 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return slices.Compare(v, []int{major, minor}) > 0
}

// versionOf reads a version such as "1.6.3-rc1". What is no number counts as 0, and so as old; no text is older than all.
func versionOf(text string) []int {
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
