package sfu

import (
	"errors"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
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
	Encrypted bool   // end to end: what is inside is nobody else's to read
	// PlayoutDelay is told to the subscriber.
	PlayoutDelay PlayoutDelay
	// CutTrailer leaves out what the publisher appends to its frames, which the subscriber does not know.
	CutTrailer bool
	// OnBound is called once the connection has settled codec and SSRC, so that Start can send, or with ErrCodec when it
	// has not got the track's codec. It must not block.
	OnBound func(error)
}

// DownTrack is the server's end of a track towards one subscriber: a Sink of the track's Receiver and, for pion, a
// TrackLocal of the subscriber's connection.
type DownTrack struct {
	DownTrackOptions
	kind  webrtc.RTPCodecType
	video bool

	mu       sync.Mutex
	receiver *Receiver             // what feeds it; Fmtp belongs to it
	started  bool                  // it is a sink of the Receiver
	writer   interceptor.RTPWriter // nil until the connection can send
	bound    bool                  // the connection has settled the codec the Receiver gets
	// negotiated are the codecs the subscriber's connection has settled on.
	negotiated []webrtc.RTPCodecParameters

	wanted     target // by the subscriber
	allowed    target // by its bandwidth
	target     target // the lesser of the two
	fwd        forwarder
	sel        selector
	seq        sequencer
	header     rtp.Header // scratch
	payload    []byte     // scratch
	descriptor []byte     // scratch
	askedAt    time.Time  // last key frame request while waiting for one

	ssrc, rtxSSRC     uint32
	payloadType       uint8
	rtxType           uint8
	rtxSeq            uint16
	descriptorID      uint8 // dependency descriptor towards the subscriber
	extensions        extensions
	heard             heard
	transportID       uint8   // transport-wide sequence number
	number            [2]byte // scratch: that number
	packets, octets   uint64
	reception         receptionTracker
	reportsSent       [4]sentReport // ring of the latest sender reports
	reportCount       int
	roundTrip         time.Duration
	keySeq            uint16 // number that the latest key frame begins with
	keyStamp          uint32 // its timestamp, as sent
	resend            Packet // scratch for retransmissions
	resendRaw, rtxRaw []byte

	unpacks bool             // the track is RED and the subscriber takes only what is inside
	blocks  []codec.REDBlock // scratch
	plain   Packet           // scratch
	empty   Packet           // nothing but padding
	own     Packet           // a frame the server makes
}

// maxExtension is what a header extension element can hold (RFC 8285, section 4.3).
const maxExtension = 255

// NewDownTrack makes a DownTrack that is not fed yet: add it to a connection, and when OnBound has been called and the
// connection is up, Start it.
func NewDownTrack(r *Receiver, o DownTrackOptions) *DownTrack {
	d := &DownTrack{
		DownTrackOptions: o,
		receiver:         r,
		kind:             webrtc.RTPCodecTypeAudio,
		video:            isVideo(r.MimeType),
		wanted:           everything,
		allowed:          everything,
		target:           everything,
		sel:              newSelector(r.DescriptorID != 0),
		fwd:              newForwarder(r.ClockRate),
		payload:          make([]byte, mtu),
		descriptor:       make([]byte, 0, maxExtension),
	}
	d.empty.Header.Padding, d.empty.Header.PaddingSize = true, 1
	size := audioHistory
	if d.video {
		d.kind, size = webrtc.RTPCodecTypeVideo, videoHistory
	}
	d.seq = newSequencer(size)
	return d
}

// Start begins to forward; video begins with the next key frame, which it asks for.
func (d *DownTrack) Start() {
	r := d.feeds(true)
	r.AddSink(d)
	if d.video {
		d.mu.Lock()
		wanted := d.target.spatial
		d.mu.Unlock()
		r.requestFirst(wanted)
	}
}

// Stop ends forwarding.
func (d *DownTrack) Stop() { d.feeds(false).RemoveSink(d) }

// feeds notes whether the track is fed and returns by whom.
func (d *DownTrack) feeds(started bool) *Receiver {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.started = started
	return d.receiver
}

// SetWanted sets what the subscriber wants: nothing (enabled false), or layers up to the ones given.
func (d *DownTrack) SetWanted(enabled bool, spatial, temporal int) {
	wanted := nothing
	if enabled {
		wanted = target{max(0, min(spatial, MaxLayers-1)), max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.wanted, wanted)
}

// SetAllowed sets what the subscriber's bandwidth allows: layers up to the ones given, nothing with spatial -1.
func (d *DownTrack) SetAllowed(spatial, temporal int) {
	allowed := nothing
	if spatial >= 0 {
		allowed = target{min(spatial, MaxLayers-1), max(0, min(temporal, MaxTemporals-1))}
	}
	d.setTarget(&d.allowed, allowed)
}

// Current returns up to which layers is forwarded, spatial -1 when nothing is.
func (d *DownTrack) Current() (spatial, temporal int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fwd.layer < 0 {
		return -1, -1
	}
	return min(d.fwd.layer+min(d.sel.spatial, d.sel.top), MaxLayers-1), d.sel.temporal
}

func (d *DownTrack) setTarget(which *target, value target) {
	d.mu.Lock()
	before := d.target
	*which = value
	d.target = target{min(d.wanted.spatial, d.allowed.spatial), min(d.wanted.temporal, d.allowed.temporal)}
	after, r := d.target.spatial, d.receiver
	paused := after < 0
	if paused {
		d.fwd.pause()
	}
	d.mu.Unlock()
	if d.video && before.spatial < 0 && !paused {
		r.requestFirst(after)
	}
}

// abandon stops a layer that is better than what is allowed before the allowed one has begun: on a path that is full
// many times over, what still came of it would be lost and hold up what comes in its place.
func (d *DownTrack) abandon() {
	d.mu.Lock()
	abandons := d.fwd.layer > max(d.target.spatial, -1) && d.target.spatial >= 0
	if abandons {
		d.fwd.pause()
	}
	r, wanted := d.receiver, d.target.spatial
	d.mu.Unlock()
	if abandons {
		r.requestFirst(wanted)
	}
}

// pause stops forwarding until the next packet that can begin it.
func (d *DownTrack) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fwd.pause()
}

// WriteRTP forwards p if it belongs to the layer this subscriber gets, switching layers at key frames only.
func (d *DownTrack) WriteRTP(p *Packet) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Asked before anything is decided: a key frame that cannot go out must not count as the beginning.
	if d.target.spatial < 0 || !d.bound || !d.readyLocked() {
		return
	}
	if d.unpacks {
		d.unpackLocked(p)
	} else {
		d.writeLocked(p)
	}
}

func (d *DownTrack) writeLocked(p *Packet) {
	if d.fwd.follows(p) {
		d.forwardLocked(p)
	} else if d.switchLocked(p) {
		d.forwardLocked(p)
		d.catchUpLocked(p)
	}
}

// forwardLocked sends a packet of the stream that is being forwarded, if it is of the layers the subscriber gets.
func (d *DownTrack) forwardLocked(p *Packet) {
	v := d.sel.choose(p, target{max(0, d.target.spatial-p.Layer), d.target.temporal})
	if v.waits {
		d.askKeyFrameLocked(p)
	}
	if !v.forward {
		if hole, open := d.fwd.leaveOut(p); open {
			d.fillLocked(hole)
		}
		return
	}
	seq := p.Header.SequenceNumber
	run := d.fwd.numbers.find(seq)
	if run == nil || !d.fwd.numbers.isNew(seq) && d.seq.holds(seq+run.seq) { // sent before, when what it needs came late
		return
	}
	out := d.seq.slot(seq + run.seq)
	out.source, out.ssrc, out.layer, out.tries, out.resent = seq, p.Header.SSRC, int8(p.Layer), 0, 0
	out.marker, out.mask = p.Header.Marker || v.marker, v.mask
	d.fwd.translate(p, run, &out.rewrite)
	if p.Info.KeyFrame {
		d.keyFrameLocked(out)
	} else if p.Broken {
		d.askKeyFrameLocked(p)
	}
	d.packets++
	d.octets += uint64(len(p.Payload))
	if d.sendLocked(p, &out.rewrite, d.ssrc, d.payloadType, p.Payload, false) && d.packets%forwardingSample == 0 {
		d.receiver.Counters.Forwarding.add(time.Since(p.Arrival))
	}
}

// keyFrameLocked notes that out begins a key frame. Of H264 more than one packet looks so; the first does.
func (d *DownTrack) keyFrameLocked(out *sentPacket) {
	if out.ts != d.keyStamp && int16(out.seq-d.keySeq) >= 0 {
		d.keySeq, d.keyStamp = out.seq, out.ts
	}
}

// fillLocked sends an empty packet as seq, whose place only something that is left out could take: the subscriber would
// ask for it until it gives up.
func (d *DownTrack) fillLocked(seq uint16) {
	if d.seq.holds(seq) || int(d.fwd.lastSeq-seq) >= len(d.seq.sent) {
		return
	}
	d.seq.storePadding(seq)
	d.sendPaddingLocked(seq)
}

// sendPaddingLocked sends a packet of nothing but padding, which a receiver takes note of and throws away.
func (d *DownTrack) sendPaddingLocked(seq uint16) {
	d.empty.Arrival = time.Now() // of something rare that came from nobody
	d.sendLocked(&d.empty, &rewrite{seq: seq, ts: d.fwd.lastTS}, d.ssrc, d.payloadType, nil, false)
}

// switchLocked decides about a packet of a layer that is not being forwarded and tells whether to forward from it on.
func (d *DownTrack) switchLocked(p *Packet) bool {
	if p.Layer != d.receiver.best(d.target.spatial) || !d.receiver.sends(p) {
		return false
	}
	if d.receiver.codec.HasKeyFrames() && !p.Info.KeyFrame {
		d.askKeyFrameLocked(p)
		return false
	}
	if len(p.Payload) == 0 {
		return false // padding begins nothing
	}
	d.fwd.start(p, d.receiver.align)
	d.keySeq = d.fwd.lastSeq + 1
	if d.video {
		d.Tap.pacer.overtake(d.ssrc)
	}
	d.sel.begin()
	return true
}

// A key frame that is waited for is asked for again after two round trips, within these bounds (livekit-protocol.md,
// 12.1). The layer has a throttle of its own.
const minAskInterval, maxAskInterval = 200 * time.Millisecond, time.Second

// askKeyFrameLocked asks for a key frame of p's stream, unless the answer to the last request may be under way.
func (d *DownTrack) askKeyFrameLocked(p *Packet) {
	if p.Arrival.Sub(d.askedAt) < max(minAskInterval, min(2*d.roundTrip, maxAskInterval)) {
		return
	}
	d.askedAt = p.Arrival
	d.receiver.requestKeyFrame(p.Layer, p.Arrival)
}

// catchUpLocked sends what came before p though it belongs behind it: the rest of a key frame whose first packet was
// lost and came again.
func (d *DownTrack) catchUpLocked(p *Packet) {
	l := d.receiver.layer(p.Layer)
	if l == nil {
		return
	}
	highest, first := l.highest(), p.Header.SequenceNumber+1
	if oldest := highest - videoHistory + 1; int16(oldest-first) > 0 {
		first = oldest // what is older is gone
	}
	for seq := first; int16(highest-seq) >= 0; seq++ {
		if q := &d.resend; d.recallLocked(l, seq) && l.describe(q) == nil {
			q.Layer, q.Arrival = p.Layer, p.Arrival
			d.forwardLocked(q)
		}
	}
}

// readyLocked finds the connection's writer, which exists once pion has started the sender.
func (d *DownTrack) readyLocked() bool {
	if d.writer == nil {
		d.writer = d.Tap.writer(d.ssrc)
	}
	return d.writer != nil
}

// sendLocked writes p with the numbers of out and the given payload; urgent says that it does not wait behind others. It
// tells whether the packet has gone out: the Pacer may hold it back.
func (d *DownTrack) sendLocked(p *Packet, out *rewrite, ssrc uint32, payloadType uint8, payload []byte, urgent bool) bool {
	h := &d.header
	*h = rtp.Header{
		Version: 2, Marker: out.marker, PayloadType: payloadType, SequenceNumber: out.seq, Timestamp: out.ts, SSRC: ssrc,
		Padding: p.Header.Padding, PaddingSize: p.Header.PaddingSize, Extensions: h.Extensions[:0],
	}
	if d.descriptorID != 0 && d.receiver.DescriptorID != 0 {
		if dd := p.Header.GetExtension(d.receiver.DescriptorID); dd != nil {
			if out.described {
				dd = codec.RewriteDescriptor(d.descriptor[:0], dd, out.frame, out.mask)
			}
			_ = h.SetExtension(d.descriptorID, dd)
		}
	}
	d.stampLocked(h, p, out)
	front := len(payload) - len(p.Payload) // a retransmission has the original sequence number there
	if v := &p.Info.VP8; v.Present && len(payload) <= len(d.payload) {
		n := copy(d.payload, payload)
		payload = d.payload[:n]
		v.Rewrite(payload[front:], out.picture, out.tl0, out.key)
	}
	if d.CutTrailer && p.Header.Marker {
		payload = payload[:front+len(withoutTrailer(payload[front:]))]
	}
	return d.Tap.pacer.send(&outgoing{
		writer: d.writer, header: h, payload: payload, extension: d.transportID, number: &d.number, video: d.video, urgent: urgent,
	}, p.Arrival)
}

// ID is the track's sid, for pion and the subscriber's SDP.
func (d *DownTrack) ID() string { return d.DownTrackOptions.ID }

// StreamID is the stream id in the subscriber's SDP.
func (d *DownTrack) StreamID() string { return d.DownTrackOptions.StreamID }

// RID is empty: subscribers get one stream.
func (d *DownTrack) RID() string { return "" }

// Kind is audio or video.
func (d *DownTrack) Kind() webrtc.RTPCodecType { return d.kind }
