package rtc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// This file is what has to be done differently for some clients (livekit-protocol.md, 1.7).

func (req *JoinRequest) firefox() bool {
	return strings.Contains(strings.ToLower(req.Client.GetBrowser()), "firefox")
}

func (req *JoinRequest) safari() bool { return strings.EqualFold(req.Client.GetBrowser(), "safari") }

// takesRED is false for the browsers that offer it and then play nothing.
func (req *JoinRequest) takesRED() bool { return !req.firefox() && !req.safari() }

// takesTCP is false for clients that do not get along with ICE over TCP: LiveKit's Go SDK, and its Swift SDK before 1.0.5.
func (req *JoinRequest) takesTCP() bool {
	sdk := req.Client.GetSdk()
	return sdk != livekit.ClientInfo_GO && (sdk != livekit.ClientInfo_SWIFT || req.sinceVersion(1, 0, 5))
}

// takesZeroChecksum is false for clients that may not get along with SCTP packets without a checksum (RFC 9653): LiveKit's
// Go SDK before 2.4.0, and ones that do not say what they are.
func (req *JoinRequest) takesZeroChecksum() bool {
	sdk := req.Client.GetSdk()
	return sdk != livekit.ClientInfo_UNKNOWN && (sdk != livekit.ClientInfo_GO || req.sinceVersion(2, 4, 0))
}

// sinceVersion reports whether the client's SDK is of that version or newer; one that does not say is old.
func (req *JoinRequest) sinceVersion(version ...int) bool {
	return slices.Compare(versionOf(req.Client.GetVersion()), version) >= 0
}

// knowsAllResponses is false for Rust clients before protocol 10, which fail on messages that came later.
func (req *JoinRequest) knowsAllResponses() bool {
	return req.Client.GetSdk() != livekit.ClientInfo_RUST || req.Client.GetProtocol() >= 10
}

// knowsReconnect is false for browsers' SDKs from before there was a ReconnectResponse; they break on it.
func (req *JoinRequest) knowsReconnect() bool { return !req.jsBefore(1, 6, 3) }

// jsBefore tells whether the client is LiveKit's SDK for browsers, of a version older than that. One that does not say its
// version is taken for new.
func (req *JoinRequest) jsBefore(version ...int) bool {
	c := req.Client
	return c.GetSdk() == livekit.ClientInfo_JS && c.GetVersion() != "" && slices.Compare(versionOf(c.GetVersion()), version) < 0
}

// syncsStreams tells whether the client plays tracks of one stream in step, and so is told the streams' names.
func (req *JoinRequest) syncsStreams() bool {
	return req.Client.GetSdk() == livekit.ClientInfo_JS && req.Client.GetProtocol() > 9 && !req.firefox()
}

// mapsSections is false for browsers' SDKs from before 2.16, which know a track by nothing but the names in the SDP, and for
// those that do not say their version, such as LiveKit's own tests.
func (req *JoinRequest) mapsSections() bool {
	return req.Client.GetSdk() != livekit.ClientInfo_JS || req.sinceVersion(2, 16)
}

// reusesSections tells whether the client plays another track on a section that has carried one. Safari does not, nor
// does LiveKit's Go SDK, whose pion stops a section for good that the server makes inactive; nor do those that would take
// it for the one before, because a browser keeps the first one's name.
func (req *JoinRequest) reusesSections() bool {
	sdk := req.Client.GetSdk()
	return !req.safari() && sdk != livekit.ClientInfo_GO && sdk != livekit.ClientInfo_UNKNOWN &&
		req.Client.GetProtocol() > 3 && (!req.syncsStreams() || req.mapsSections())
}

// pion is true for clients that are built on pion, or may be: LiveKit's Go SDK, and ones that do not say what they are.
// They send a track in the codec it was made with, whichever stands first in the answer.
func (req *JoinRequest) pion() bool {
	sdk := req.Client.GetSdk()
	return sdk == livekit.ClientInfo_GO || sdk == livekit.ClientInfo_UNKNOWN
}

// changesCodec is false for clients that read a track in the codec it began with.
func (req *JoinRequest) changesCodec() bool { return !req.pion() }

// obeysOrder is false for Firefox on Linux and Android, which sends any codec an answer holds, not the first one.
func (req *JoinRequest) obeysOrder() bool {
	return !req.firefox() || !req.runsOn("linux") && !req.runsOn("android")
}

// wantsPackets is true for clients that tell the application of a track only when its first packet comes.
func (req *JoinRequest) wantsPackets() bool { return req.Client.GetSdk() == livekit.ClientInfo_GO }

func (req *JoinRequest) runsOn(os string) bool { return strings.EqualFold(req.Client.GetOs(), os) }

// deviceRule names a codec that some clients say they know and fail with.
type deviceRule struct {
	applies     func(*JoinRequest) bool
	mime        string
	publishOnly bool // they play it all the same
}

// deviceRules are those of LiveKit 1.13.5 (pkg/clientconfiguration/conf.go).
var deviceRules = []deviceRule{
	{(*JoinRequest).safari, webrtc.MimeTypeAV1, false},
	{(*JoinRequest).safariAfter18_3, webrtc.MimeTypeVP9, true},
	{(*JoinRequest).firefoxWithoutH264, webrtc.MimeTypeH264, true},
	{(*JoinRequest).xiaomi2201117TI, webrtc.MimeTypeH264, true},
}

func (req *JoinRequest) safariAfter18_3() bool {
	return req.safari() && newerThan(req.Client.GetBrowserVersion(), 18, 3)
}

func (req *JoinRequest) firefoxWithoutH264() bool {
	return req.firefox() && (req.runsOn("linux") || req.runsOn("android"))
}

func (req *JoinRequest) xiaomi2201117TI() bool {
	return req.runsOn("android") && strings.EqualFold(req.Client.GetDeviceModel(), "xiaomi 2201117ti")
}

// disabledCodecs are those the client says it knows and fails with; nil when there are none.
func (req *JoinRequest) disabledCodecs() *livekit.DisabledCodecs {
	var off *livekit.DisabledCodecs
	for _, rule := range deviceRules {
		if !rule.applies(req) {
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

// publishCodecs are those the client may publish, the preferred first. It is never told an empty list.
func (req *JoinRequest) publishCodecs() []*livekit.Codec {
	off := req.disabledCodecs()
	return slices.DeleteFunc(peer.EnabledCodecs(), func(c *livekit.Codec) bool {
		return listed(off.GetCodecs(), c.Mime) || listed(off.GetPublish(), c.Mime)
	})
}

// configuration is what the client is told of how to behave here.
func (req *JoinRequest) configuration() *livekit.ClientConfiguration {
	return &livekit.ClientConfiguration{ResumeConnection: livekit.ClientConfigSetting_ENABLED, DisabledCodecs: req.disabledCodecs()}
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

// versionOf reads a version such as "1.6.3-rc1". What is no number counts as 0, and so as old.
func versionOf(text string) []int {
	text, _, _ = strings.Cut(text, "-")
	var version []int
	for part := range strings.SplitSeq(text, ".") {
		n, _ := strconv.Atoi(part)
		version = append(version, n)
	}
	return version
}
