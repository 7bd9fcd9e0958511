package sfu

import (
	"strconv"
	"strings"

	"github.com/pion/interceptor"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// binding holds the negotiated parameters of a DownTrack.
type binding struct {
	bound  bool                        // the subscriber's connection has a codec for the Receiver's packets
	writer interceptor.RTPWriter       // nil until the connection can send
	codecs []webrtc.RTPCodecParameters // all that the subscriber's connection has negotiated for the track's kind

	ssrc, rtxSSRC  uint32
	payloadType    uint8
	rtxPayloadType uint8 // 0 without a retransmission stream
	unpackRED      bool  // the track is RED, but the subscriber decodes only the Opus inside

	descriptorID uint8 // extension id of the dependency descriptor
	twccID       uint8 // extension id of the transport-wide sequence number
	extensions   extensions
}

// Bind selects the track's codec among those that the connection has negotiated. pion calls it after each negotiation.
// If the connection lacks the codec, Bind passes ErrCodec to OnBound. It still returns the Receiver's own codec and no
// error, because on an error pion would undo the negotiation of all other tracks.
func (d *DownTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	d.mu.Lock()
	b := &d.binding
	b.codecs = ctx.CodecParameters()
	b.ssrc, b.rtxSSRC = uint32(ctx.SSRC()), uint32(ctx.SSRCRetransmission())
	for _, e := range ctx.HeaderExtensions() {
		switch {
		case e.URI == DependencyDescriptorURI:
			b.descriptorID = uint8(e.ID)
		case e.URI == sdp.TransportCCURI && d.video:
			b.twccID = uint8(e.ID)
		}
		b.extensions.bind(e)
	}
	d.rtx.raw = make([]byte, mtu)
	b.writer, b.bound = nil, d.selectPayloadTypesLocked()
	of := d.receiver.options
	used := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: of.MimeType, ClockRate: of.ClockRate}}
	var err error
	if b.bound {
		used, _, _ = d.findCodecLocked(of.MimeType, d.fmtp)
	} else {
		err = ErrCodec
	}
	twcc, ssrc := b.twccID != 0, b.ssrc
	d.mu.Unlock()
	if d.video {
		d.options.Tap.pacer.SetTWCC(twcc)
	}

	d.options.Tap.sentTracks.setTrack(ssrc, d)
	d.options.OnBound(err)
	return used, nil
}

// Reject reports ErrCodec to OnBound: the connection has no codec for the track and will not call Bind.
func (d *DownTrack) Reject() { d.options.OnBound(ErrCodec) }

// Unbind stops sending. pion calls it when the track is removed from the connection.
func (d *DownTrack) Unbind(webrtc.TrackLocalContext) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.options.Tap.sentTracks.setTrack(d.binding.ssrc, nil)
	d.binding.bound, d.binding.writer = false, nil
	d.options.Tap.pacer.DropQueued(d.binding.ssrc) // the subscriber would count them as lost
	return nil
}

// matchCodec returns the codec with that MIME type and the same profile as the published format parameters fmtp. If no
// profile matches, it returns the first codec of that type, because decoders usually support similar profiles too.
func matchCodec(codecs []webrtc.RTPCodecParameters, mime, fmtp string) (webrtc.RTPCodecParameters, bool) {
	var found *webrtc.RTPCodecParameters
	for i := range codecs {
		c := &codecs[i]
		if !strings.EqualFold(c.MimeType, mime) {
			continue
		}
		if SameProfile(c.SDPFmtpLine, fmtp) {
			return *c, true
		}
		if found == nil {
			found = c
		}
	}
	if found == nil {
		return webrtc.RTPCodecParameters{}, false
	}
	return *found, true
}

// SameProfile reports whether two sets of format parameters (a=fmtp in SDP) of one codec need the same decoder. For
// H.264 it compares the profile, which is the first four hex digits of profile-level-id, and the packetization mode
// (RFC 6184, section 8.1). For VP9 and AV1 it compares the profile.
func SameProfile(a, b string) bool {
	pa, pb := fmtpParams(a), fmtpParams(b)
	profile := func(m map[string]string) string {
		if id := m["profile-level-id"]; len(id) >= 4 {
			return strings.ToLower(id[:4])
		}
		return ""
	}
	def := func(m map[string]string, key, value string) string {
		if v, ok := m[key]; ok {
			return v
		}
		return value
	}
	return profile(pa) == profile(pb) &&
		def(pa, "packetization-mode", "0") == def(pb, "packetization-mode", "0") &&
		def(pa, "profile-id", "0") == def(pb, "profile-id", "0") &&
		def(pa, "profile", "0") == def(pb, "profile", "0")
}

// fmtpParams parses the value of an a=fmtp line into parameter names, in lower case, and values.
func fmtpParams(line string) map[string]string {
	params := map[string]string{}
	for part := range strings.SplitSeq(line, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			params[strings.ToLower(k)] = v
		}
	}
	return params
}

// rtxFor returns the payload type for retransmissions of pt (RFC 4588, section 8.6: apt), and whether there is one.
func rtxFor(codecs []webrtc.RTPCodecParameters, pt webrtc.PayloadType) (webrtc.PayloadType, bool) {
	want := strconv.Itoa(int(pt))
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && fmtpParams(c.SDPFmtpLine)["apt"] == want {
			return c.PayloadType, true
		}
	}
	return 0, false
}
