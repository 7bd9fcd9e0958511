package sfu

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Bind is called by pion when the connection has negotiated; it picks the track's codec there. Where it is missing only
// OnBound gets the error, and pion the codec that it would have been: an error would undo the negotiation of all other
// tracks.
func (d *DownTrack) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	d.mu.Lock()
	d.negotiated = ctx.CodecParameters()
	d.ssrc, d.rtxSSRC = uint32(ctx.SSRC()), uint32(ctx.SSRCRetransmission())
	for _, e := range ctx.HeaderExtensions() {
		switch {
		case e.URI == DependencyDescriptorURI:
			d.descriptorID = uint8(e.ID)
		case e.URI == sdp.TransportCCURI && d.video:
			d.transportID = uint8(e.ID)
		}
		d.extensions.bind(e)
	}
	d.resendRaw = make([]byte, mtu)
	d.writer, d.bound = nil, d.settleLocked()
	used := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: d.receiver.MimeType, ClockRate: d.receiver.ClockRate}}
	var err error
	if d.bound {
		used, _, _ = d.playableLocked(d.receiver.MimeType, d.Fmtp)
	} else {
		err = ErrCodec
	}
	numbers, ssrc := d.transportID != 0, d.ssrc
	d.mu.Unlock()
	if d.video {
		d.Tap.pacer.promised(numbers)
	}

	d.Tap.hear(ssrc, d)
	d.OnBound(err)
	return used, nil
}

// Unbind is called by pion when the track leaves the connection.
func (d *DownTrack) Unbind(webrtc.TrackLocalContext) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Tap.hear(d.ssrc, nil)
	d.bound, d.writer = false, nil
	d.Tap.pacer.forget(d.ssrc) // its numbers would count as lost
	return nil
}

// matchCodec finds the codec with that MIME type whose profile is the published one's; where no profile matches
// exactly the first of the type serves, as decoders of one codec commonly take the neighbouring profiles.
func matchCodec(codecs []webrtc.RTPCodecParameters, mime, fmtp string) (webrtc.RTPCodecParameters, bool) {
	var found *webrtc.RTPCodecParameters
	for i := range codecs {
		c := &codecs[i]
		if !strings.EqualFold(c.MimeType, mime) {
			continue
		}
		if sameProfile(c.SDPFmtpLine, fmtp) {
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

// sameProfile compares the parameters that choose a decoder: H264's profile (the first four hex digits of
// profile-level-id; the rest is the level) and packetization mode (RFC 6184, section 8.1), VP9's and AV1's profile.
func sameProfile(a, b string) bool {
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

func fmtpParams(line string) map[string]string {
	params := map[string]string{}
	for part := range strings.SplitSeq(line, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(part), "="); ok {
			params[strings.ToLower(k)] = v
		}
	}
	return params
}

// rtxFor finds the retransmission payload type that belongs to pt (RFC 4588, section 8.6: apt).
func rtxFor(codecs []webrtc.RTPCodecParameters, pt webrtc.PayloadType) (webrtc.PayloadType, bool) {
	want := strconv.Itoa(int(pt))
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && fmtpParams(c.SDPFmtpLine)["apt"] == want {
			return c.PayloadType, true
		}
	}
	return 0, false
}
