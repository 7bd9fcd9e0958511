package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// dependencyDescriptorURI is the URI of the AV1 dependency descriptor header extension
// (https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension).
const dependencyDescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// newWebRTCAPI creates the pion API of one client. Clients cannot share it, because interceptors have state for each
// connection.
func newWebRTCAPI(opts *Options) (*webrtc.API, error) {
	var engine webrtc.MediaEngine
	if err := registerCodecs(&engine, opts.ExcludeCodecs); err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	for uri, kind := range map[string]webrtc.RTPCodecType{
		sdp.AudioLevelURI:       webrtc.RTPCodecTypeAudio,
		dependencyDescriptorURI: webrtc.RTPCodecTypeVideo,
	} {
		ext := webrtc.RTPHeaderExtensionCapability{URI: uri}
		if err := engine.RegisterHeaderExtension(ext, kind); err != nil {
			return nil, fmt.Errorf("register header extension: %w", err)
		}
	}
	var registry interceptor.Registry
	if err := registerInterceptors(&engine, &registry, opts.NoInterceptors); err != nil {
		return nil, fmt.Errorf("register interceptors: %w", err)
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	if opts.SettingEngine != nil {
		opts.SettingEngine(&settings)
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&registry), webrtc.WithSettingEngine(settings),
	), nil
}

// registerInterceptors registers pion's default interceptors. If minimal is set, it registers no interceptors, only
// the header extensions for simulcast.
func registerInterceptors(engine *webrtc.MediaEngine, registry *interceptor.Registry, minimal bool) error {
	if minimal {
		return webrtc.ConfigureSimulcastExtensionHeaders(engine)
	}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return err
	}
	// Send transport-wide sequence numbers, as browsers do, so that servers can estimate the bandwidth of this
	// publisher.
	return webrtc.ConfigureTWCCHeaderExtensionSender(engine, registry)
}

// registerCodecs registers pion's default codecs if excluded is empty. Otherwise it registers Opus and one variant
// each of VP8, VP9, H264 and AV1, except the video codecs in excluded.
func registerCodecs(engine *webrtc.MediaEngine, excluded []string) error {
	if len(excluded) == 0 {
		return engine.RegisterDefaultCodecs()
	}
	audio := webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"},
		PayloadType:        111,
	}
	if err := engine.RegisterCodec(audio, webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	feedback := []webrtc.RTCPFeedback{{Type: "ccm", Parameter: "fir"}, {Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	for i, c := range []webrtc.RTPCodecCapability{
		{MimeType: webrtc.MimeTypeVP8},
		{MimeType: webrtc.MimeTypeVP9, SDPFmtpLine: "profile-id=0"},
		{MimeType: webrtc.MimeTypeH264, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
		{MimeType: webrtc.MimeTypeAV1},
	} {
		if slices.ContainsFunc(excluded, func(mime string) bool { return strings.EqualFold(mime, c.MimeType) }) {
			continue
		}
		c.ClockRate, c.RTCPFeedback = 90_000, feedback
		if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(96 + i)}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}
