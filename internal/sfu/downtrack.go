package sfu

import (
	"errors"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
	"meet/internal/sfu/forward"
)

// DependencyDescriptorURI is the header extension that describes the layers of AV1 and VP9 frames (AV1 RTP
// specification, appendix A).
const DependencyDescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// ErrCodec reports that a subscriber's connection has not negotiated the track's codec.
var ErrCodec = errors.New("sfu: the subscriber has not negotiated the codec of the track")

// DownTrackOptions configure a DownTrack.
type DownTrackOptions struct {
	ID        string // track id in the subscriber's SDP: the track's SID
	StreamID  string // stream id in the subscriber's SDP: participant SID, "|", and track SID or stream name
	Fmtp      string // format parameters of the published codec; they select the codec profile
	Tap       *Tap   // the interceptor of the subscriber's connection
	Trailer   []byte // appended to frames that the server makes, if the track is encrypted
	Encrypted bool   // end to end: the server cannot read the payload
	// PlayoutDelay is the delay that the server asks the subscriber for, in a header extension.
	PlayoutDelay PlayoutDelay
	// CutTrailer removes the trailer (see trailerMagic) that the publisher appends to frames, for subscribers that do
	// not understand it.
	CutTrailer bool
	// OnBound is called with nil when codec and SSRC are negotiated. Start may be called from then on. If the
	// connection lacks the track's codec, OnBound is called with ErrCodec. OnBound must not block.
	OnBound func(error)
}

// DownTrack is the server's end of a track towards one subscriber. It is a Sink of the track's Receiver and, for pion,
// a TrackLocal of the subscriber's connection. It rewrites packets to one unbroken RTP stream.
type DownTrack struct {
	// options, kind and video never change after NewDownTrack.
	options DownTrackOptions
	kind    webrtc.RTPCodecType
	video   bool

	mu        sync.Mutex
	receiver  *Receiver // the source of packets; SwitchReceiver replaces it
	fmtp      string    // format parameters of the Receiver's codec
	started   bool      // between Start and Stop: the track is a Sink of the Receiver
	selection selection
	binding   binding
	fwd       forward.Forwarder
	reports   reportState
	scratch   scratch
	rtx       rtxState
}

// scratch is memory that the packet path reuses.
type scratch struct {
	header      rtp.Header
	payload     []byte
	descriptor  []byte
	twccNumber  [2]byte          // transport-wide sequence number
	blocks      []codec.REDBlock // the encodings of a RED packet
	unpacked    Packet           // an encoding from a RED packet, as a packet of its own
	padding     Packet           // a packet without payload
	serverFrame Packet           // a frame made by the server, such as silence
}

// maxExtension is the maximum size of a header extension element in bytes (RFC 8285, section 4.3).
const maxExtension = 255

// NewDownTrack returns a stopped DownTrack for the packets of r. Add it to a connection, and call Start when OnBound
// has been called and the connection is established.
func NewDownTrack(r *Receiver, o DownTrackOptions) *DownTrack {
	d := &DownTrack{
		options:   o,
		kind:      webrtc.RTPCodecTypeAudio,
		video:     isVideo(r.options.MimeType),
		receiver:  r,
		fmtp:      o.Fmtp,
		selection: selection{wanted: allLayers, allowed: allLayers, target: allLayers},
		scratch:   scratch{payload: make([]byte, mtu), descriptor: make([]byte, 0, maxExtension)},
	}
	d.scratch.padding.Header.Padding, d.scratch.padding.Header.PaddingSize = true, 1
	history := audioHistory
	if d.video {
		d.kind, history = webrtc.RTPCodecTypeVideo, videoHistory
	}
	d.fwd = forward.New(r.options.ClockRate, r.options.DescriptorID != 0, history)
	return d
}

// Start begins forwarding. Video starts with the next key frame, which Start requests.
func (d *DownTrack) Start() {
	r := d.setStarted(true)
	r.AddSink(d)
	if d.video {
		d.mu.Lock()
		wanted := d.selection.target.Spatial
		d.mu.Unlock()
		r.requestFirstKeyFrame(wanted)
	}
}

// Stop ends forwarding. A packet in progress may still be sent.
func (d *DownTrack) Stop() { d.setStarted(false).RemoveSink(d) }

// setStarted stores whether the track is forwarding and returns its Receiver.
func (d *DownTrack) setStarted(started bool) *Receiver {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.started = started
	return d.receiver
}

// WriteRTP forwards p if it belongs to the layers the subscriber gets. The simulcast layer changes only at key frames.
func (d *DownTrack) WriteRTP(p *Packet) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Check this first: a key frame that cannot be sent must not start the stream.
	if d.selection.target.Spatial < 0 || !d.binding.bound || !d.findWriterLocked() {
		return
	}
	if d.binding.unpackRED {
		d.unpackREDLocked(p)
	} else {
		d.writeLocked(p)
	}
}

// SetMuted makes forwarding resume with a key frame when a mute ends. The Receiver itself withholds packets during the
// mute.
func (d *DownTrack) SetMuted(muted bool) {
	if muted {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fwd.Pause()
}

// Ended does nothing: the track remains on its connection until its owner removes it.
func (d *DownTrack) Ended() {}

// writeLocked forwards p if it continues the current stream, or if forwarding can switch to p's stream.
func (d *DownTrack) writeLocked(p *Packet) {
	if d.fwd.Continues(&p.Packet) {
		d.forwardLocked(p)
	} else if d.switchLocked(p) {
		d.forwardLocked(p)
		d.catchUpLocked(p)
	}
}

// forwardLocked sends p, a packet of the current stream, if the subscriber gets its spatial and temporal layer.
func (d *DownTrack) forwardLocked(p *Packet) {
	v := d.fwd.Forward(&p.Packet, d.selection.target)
	out := v.Sent
	if v.NeedsKeyFrame || out != nil && p.Broken && !p.Info.KeyFrame {
		d.requestKeyFrameLocked(p)
	}
	if v.FillGap {
		d.sendPaddingLocked(v.Gap)
	}
	if out == nil {
		return
	}
	d.reports.packets++
	d.reports.octets += uint64(len(p.Payload))
	if d.sendLocked(p, &out.Rewrite, d.binding.ssrc, d.binding.payloadType, p.Payload, false) && d.reports.packets%forwardingSampleEvery == 0 {
		d.receiver.options.Counters.ForwardingTimes.add(time.Since(p.Arrival))
	}
}

// switchLocked starts to forward the stream of p, and reports whether it did so. It starts only if the subscriber
// should get p's layer and p is decodable without earlier packets. If the subscriber should get p's layer but p is not
// decodable, it requests a key frame.
func (d *DownTrack) switchLocked(p *Packet) bool {
	if p.Layer != d.receiver.bestLayer(d.selection.target.Spatial) || !d.receiver.isCurrent(p) {
		return false
	}
	if d.receiver.codec.HasKeyFrames() && !p.Info.KeyFrame {
		d.requestKeyFrameLocked(p)
		return false
	}
	if len(p.Payload) == 0 {
		return false // padding cannot start a stream
	}
	d.fwd.Start(&p.Packet, d.receiver.align)
	if d.video {
		d.options.Tap.pacer.DropQueuedIfFull(d.binding.ssrc)
	}
	return true
}

// catchUpLocked sends the packets that come after the key frame packet p in the stream but arrived before it; see
// layer.replay.
func (d *DownTrack) catchUpLocked(p *Packet) {
	p.from.replay(p, &d.rtx.packet, d.rtx.raw, d.forwardLocked)
}

// ID returns the track id in the subscriber's SDP. pion calls it.
func (d *DownTrack) ID() string { return d.options.ID }

// StreamID returns the stream id in the subscriber's SDP. pion calls it.
func (d *DownTrack) StreamID() string { return d.options.StreamID }

// RID returns "": a subscriber gets a single stream without simulcast. pion calls it.
func (d *DownTrack) RID() string { return "" }

// Kind returns audio or video. pion calls it.
func (d *DownTrack) Kind() webrtc.RTPCodecType { return d.kind }
