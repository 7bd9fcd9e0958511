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

// DependencyDescriptorURI is the header extension AV1 and VP9 layers are described by (AV1 RTP specification, appendix A).
const DependencyDescriptorURI = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

// ErrCodec says that a subscriber's connection did not negotiate the track's codec.
var ErrCodec = errors.New("sfu: the subscriber does not decode this codec")

// DownTrackOptions name a track as the subscriber sees it.
type DownTrackOptions struct {
	ID        string // track id: the track's sid
	StreamID  string // stream id: participant sid, a bar, track sid or stream name
	Fmtp      string // format parameters of the published codec, to pick the same profile
	Tap       *Tap   // of the subscriber's connection
	Trailer   []byte // ends frames the server makes itself, where the track is encrypted
	Encrypted bool   // end to end: the server cannot read the payload
	// PlayoutDelay is sent to the subscriber.
	PlayoutDelay PlayoutDelay
	// CutTrailer removes the data that the publisher appends to its frames, which the subscriber does not know.
	CutTrailer bool
	// OnBound is called once the connection has settled codec and SSRC, so that Start can send, or with ErrCodec when it
	// has not got the track's codec. It must not block.
	OnBound func(error)
}

// DownTrack is the server's end of a track towards one subscriber: a Sink of the track's Receiver and, for pion, a
// TrackLocal of the subscriber's connection.
type DownTrack struct {
	// Set once.
	options DownTrackOptions
	kind    webrtc.RTPCodecType
	video   bool

	mu        sync.Mutex
	receiver  *Receiver // feeds the track
	fmtp      string    // format parameters of its codec
	started   bool      // the track is a sink of the Receiver
	selection selection
	binding   binding
	fwd       forward.Forwarder
	reports   reportState
	scratch   scratch
	rtx       rtxState
}

// scratch is memory that the packet path uses again.
type scratch struct {
	header      rtp.Header
	payload     []byte
	descriptor  []byte
	twccNumber  [2]byte          // transport-wide
	blocks      []codec.REDBlock // of a RED packet
	unpacked    Packet           // what is inside a RED packet
	padding     Packet           // nothing but padding
	serverFrame Packet           // a frame the server makes
}

// maxExtension is what a header extension element can hold (RFC 8285, section 4.3).
const maxExtension = 255

// NewDownTrack makes a DownTrack that is not fed yet: add it to a connection, and when OnBound has been called and the
// connection is up, Start it.
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

// Start begins to forward; video begins with the next key frame, which it asks for.
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

// Stop ends forwarding.
func (d *DownTrack) Stop() { d.setStarted(false).RemoveSink(d) }

// feeds notes whether the track is fed and returns its Receiver.
func (d *DownTrack) setStarted(started bool) *Receiver {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.started = started
	return d.receiver
}

// WriteRTP forwards p if it belongs to the layer this subscriber gets, switching layers at key frames only.
func (d *DownTrack) WriteRTP(p *Packet) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Asked before anything is decided: a key frame that cannot go out must not count as the beginning.
	if d.selection.target.Spatial < 0 || !d.binding.bound || !d.findWriterLocked() {
		return
	}
	if d.binding.unpackRED {
		d.unpackREDLocked(p)
	} else {
		d.writeLocked(p)
	}
}

// SetMuted stops forwarding with the end of a mute, until the next packet that can begin it.
func (d *DownTrack) SetMuted(muted bool) {
	if muted {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fwd.Pause()
}

// Ended does nothing: the track stays on its connection until its owner removes it.
func (d *DownTrack) Ended() {}

func (d *DownTrack) writeLocked(p *Packet) {
	if d.fwd.Continues(&p.Packet) {
		d.forwardLocked(p)
	} else if d.switchLocked(p) {
		d.forwardLocked(p)
		d.catchUpLocked(p)
	}
}

// forwardLocked sends a packet of the stream that is being forwarded, if it is of the layers the subscriber gets.
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

// switchLocked decides about a packet of a layer that is not being forwarded and reports whether to forward from it on.
func (d *DownTrack) switchLocked(p *Packet) bool {
	if p.Layer != d.receiver.bestLayer(d.selection.target.Spatial) || !d.receiver.isCurrent(p) {
		return false
	}
	if d.receiver.codec.HasKeyFrames() && !p.Info.KeyFrame {
		d.requestKeyFrameLocked(p)
		return false
	}
	if len(p.Payload) == 0 {
		return false // padding begins nothing
	}
	d.fwd.Start(&p.Packet, d.receiver.align)
	if d.video {
		d.options.Tap.pacer.DropQueuedIfFull(d.binding.ssrc)
	}
	return true
}

// catchUpLocked sends what came before p though it belongs behind it: see layer.replay.
func (d *DownTrack) catchUpLocked(p *Packet) {
	p.from.replay(p, &d.rtx.packet, d.rtx.raw, d.forwardLocked)
}

// ID is the track's sid, for pion and the subscriber's SDP.
func (d *DownTrack) ID() string { return d.options.ID }

// StreamID is the stream id in the subscriber's SDP.
func (d *DownTrack) StreamID() string { return d.options.StreamID }

// RID is empty: subscribers get one stream.
func (d *DownTrack) RID() string { return "" }

// Kind is audio or video.
func (d *DownTrack) Kind() webrtc.RTPCodecType { return d.kind }
