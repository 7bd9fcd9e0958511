package sfu

import (
	"errors"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
)

const (
	// mtu is the maximum packet size: browsers send at most about 1,200 bytes of payload plus headers, other clients up
	// to the MTU of Ethernet.
	mtu = 1500
	// keyFrameInterval is the minimum time between two key frame requests for the lowest layer. keyFrameIntervalUp is
	// the minimum time for a higher layer. A key frame is about ten times as large as another frame, so the requests of
	// many subscribers must be combined (docs/protocol.md, 12.1).
	keyFrameInterval, keyFrameIntervalUp = 500 * time.Millisecond, time.Second
	// layerTimeout is the time without packets after which subscribers switch to another layer. It is longer than the
	// time between two frames of a camera, which sends at least 5 frames/s. It is so short that video recovers within a
	// second. sparseTimeout replaces layerTimeout for screen shares, which may send a frame only every few seconds.
	layerTimeout, sparseTimeout = 500 * time.Millisecond, 4 * time.Second
	// longLayerTimeout replaces layerTimeout in two cases where waiting is better than switching. The first case is the
	// lowest active layer: higher layers may exceed a subscriber's bandwidth, and publishers stop the lowest layer
	// last. The second case is the time after a key frame: an encoder may pause to compensate for the size of the key
	// frame. A switch to another layer would need another key frame, and so cause another pause.
	longLayerTimeout = 2 * time.Second
)

// layer is one RTP stream of a Receiver: a simulcast layer, or the single stream of a track without simulcast.
type layer struct {
	r            *Receiver
	n            int // index among the Receiver's layers
	source       TrackSource
	ssrc         uint32
	history      *History
	pkt          Packet       // the packet being forwarded; used by the read goroutine only
	lastArrival  atomic.Int64 // arrival of the latest packet, Unix ns
	lastKeyFrame atomic.Int64 // arrival of the latest key frame, Unix ns
	meter        rateMeter

	// The fields below are used by the read goroutine only.
	descriptors       *codec.DescriptorReader // nil if the track has no dependency descriptors
	structureAt       uint16                  // sequence number of the latest packet with a structure
	awaitingStructure []uint16                // sequence numbers of packets whose structure has not arrived
	awaitingSince     time.Time               // arrival of the first of them
	late              Packet                  // scratch
	lateRaw           []byte                  // scratch

	mu                sync.Mutex
	loss              lossTracker
	nacks             []rtcp.NackPair // scratch
	bytes             uint64
	malformed         uint64
	keyFrameRequested time.Time // time of the latest request
	keyFramePending   bool      // another request is due when keyFrameInterval has passed
	lastSenderReport  senderReport
}

// senderReport is the publisher's latest sender report: its wall clock and its RTP timestamp at the same instant.
type senderReport struct {
	ntp uint64 // 32.32 fixed point seconds (RFC 3550, section 4)
	rtp uint32
	at  time.Time // arrival; zero if there was none
}

// newLayer returns layer n of r, read from source. Its goroutines are not started.
func newLayer(r *Receiver, n int, source TrackSource) *layer {
	size := videoHistory
	if r.codec == codec.Opus || r.codec == codec.RED {
		size = audioHistory
	}
	l := &layer{r: r, n: n, source: source, ssrc: source.Info().SSRC, history: newHistory(size), nacks: make([]rtcp.NackPair, 0, maxMissing)}
	l.pkt.from, l.late.from = l, l
	l.meter.continuous = !r.options.Sparse
	if r.options.DescriptorID != 0 {
		l.descriptors = new(codec.DescriptorReader)
		l.awaitingStructure = make([]uint16, 0, maxAwaitingStructure)
	}
	return l
}

// readRTP reads and forwards packets until the source returns an error, then marks the layer as inactive.
func (l *layer) readRTP() {
	raw := make([]byte, mtu)
	for {
		n, err := l.source.ReadRTP(raw)
		if errors.Is(err, io.ErrShortBuffer) {
			l.countMalformed() // a packet that is too long does not end the track
			continue
		}
		if err != nil {
			l.r.activeLayers.And(^uint32(1 << l.n))
			return
		}
		l.handle(raw[:n], time.Now())
	}
}

// handle processes one received packet: statistics, NACKs, history, and delivery to the sinks.
func (l *layer) handle(raw []byte, now time.Time) {
	p := &l.pkt
	if err := p.Unmarshal(raw); err != nil {
		l.countMalformed()
		return
	}
	ext, fresh := l.notePacket(raw, now)
	if !fresh {
		return
	}
	err := l.parse(p)
	if err != nil && !errors.Is(err, codec.ErrNoStructure) {
		l.countMalformed()
		return
	}
	if err == nil && p.Info.Frame.NewStructure {
		l.structureAt = p.Header.SequenceNumber
	}
	if l.r.muted.Load() {
		return
	}
	l.history.Store(raw)
	if err != nil {
		l.awaitStructure(p.Header.SequenceNumber, now)
		return
	}
	l.meter.count(&p.Info, len(raw), p.Info.EndOfFrame || p.Header.Marker, now)
	p.Layer, p.Arrival = l.n, now
	l.deliver(p)
	if p.Info.KeyFrame {
		l.lastKeyFrame.Store(now.UnixNano())
		l.noteKeyFrame(ext, p.Header.Timestamp)
	}
	if len(l.awaitingStructure) > 0 && p.Info.Frame.NewStructure {
		l.deliverAwaiting(now)
	}
}

// parse reads p's payload descriptor and dependency descriptor into p.Info.
func (l *layer) parse(p *Packet) error {
	if err := codec.Parse(l.r.codec, p.Payload, &p.Info); err != nil {
		return err
	}
	return l.describe(p)
}

// describe reads p's dependency descriptor, if it has one, into p.Info.
func (l *layer) describe(p *Packet) error {
	if l.descriptors == nil {
		return nil
	}
	if ext := p.Header.GetExtension(l.r.options.DescriptorID); ext != nil {
		if l.precedesStructure(p.Header.SequenceNumber) && codec.HasStructure(ext) {
			return codec.ErrNoStructure // an older structure must not replace the current one
		}
		return l.descriptors.Read(ext, &p.Info)
	}
	return nil
}

// deliver passes p to the audio level and to all sinks.
func (l *layer) deliver(p *Packet) {
	if l.r.options.AudioLevelID != 0 {
		if level := p.Header.GetExtension(l.r.options.AudioLevelID); len(level) == 1 {
			l.r.Level.Observe(level[0]&0x7f, p.Header.Timestamp, l.r.options.ClockRate)
		}
	}
	for _, s := range *l.r.sinks.Load() {
		s.WriteRTP(p)
	}
}

// notePacket counts the packet in l.pkt, and sends NACKs and key frame requests that are due. ext is the packet's
// extended sequence number. fresh is false if the packet is a duplicate.
func (l *layer) notePacket(raw []byte, now time.Time) (ext uint64, fresh bool) {
	resumed := l.updateActive(now)
	l.mu.Lock()
	h := &l.pkt.Header
	ext, fresh = l.loss.add(h.SequenceNumber, h.Timestamp, l.r.options.ClockRate, now)
	l.bytes += uint64(len(raw))
	nacks := l.nacks[:0]
	if len(l.loss.missing) > 0 {
		nacks = l.loss.dueNACKs(now, nacks)
	}
	l.pkt.Broken = l.r.codec.HasKeyFrames() && l.loss.hasUnrepairedLoss()
	askKey := l.keyFramePending && now.Sub(l.keyFrameRequested) >= l.keyFrameInterval()
	if resumed {
		l.keyFrameRequested = time.Time{} // the request or its key frame may have been lost while the publisher sent nothing
	}
	l.mu.Unlock()
	if l.r.options.NACK && len(nacks) > 0 {
		for _, n := range nacks {
			l.r.options.Counters.NACKsSent.Add(1 + uint64(bits.OnesCount16(uint16(n.LostPackets)))) // RFC 4585, section 6.2.1
		}
		_ = l.source.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: l.ssrc, Nacks: nacks}})
	}
	if askKey {
		l.requestKeyFrame(now)
	}
	return ext, fresh
}

// silenceTimeout returns the time without packets after which spatial layer s of the stream counts as inactive.
func (l *layer) silenceTimeout(s int, now time.Time) time.Duration {
	lower := uint32(1)<<l.n - 1
	switch {
	case l.r.options.Sparse:
		return sparseTimeout
	case s == 0 && l.r.activeLayers.Load()&lower == 0, now.UnixNano()-l.lastKeyFrame.Load() < int64(longLayerTimeout):
		return longLayerTimeout
	}
	return layerTimeout
}

// updateActive marks this layer as active. It also marks other layers as inactive if they have exceeded their timeout.
// No timer is needed for that, because every layer's packets cause a call. If no layer sends, there is nothing to
// switch to. updateActive reports whether this layer resumed after its own timeout.
func (l *layer) updateActive(now time.Time) (resumed bool) {
	resumed = now.UnixNano()-l.lastArrival.Swap(now.UnixNano()) > int64(l.silenceTimeout(0, now))
	alive := l.r.activeLayers.Load()
	if alive&(1<<l.n) == 0 {
		l.r.activeLayers.Or(1 << l.n)
	}
	for n := range MaxLayers {
		if n == l.n || alive&(1<<n) == 0 {
			continue
		}
		if o := l.r.layer(n); o != nil && now.UnixNano()-o.lastArrival.Load() > int64(o.silenceTimeout(0, now)) {
			l.r.activeLayers.And(^uint32(1 << n))
		}
	}
	return resumed
}

// readRTCP stores sender reports until the source returns an error.
func (l *layer) readRTCP() {
	buf := make([]byte, mtu)
	for {
		n, err := l.source.ReadRTCP(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			l.countMalformed()
			continue
		}
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			l.countMalformed()
			continue
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == l.ssrc {
				l.mu.Lock()
				l.lastSenderReport = senderReport{ntp: sr.NTPTime, rtp: sr.RTPTime, at: time.Now()}
				l.mu.Unlock()
			}
		}
	}
}

// countMalformed counts a packet that could not be parsed.
func (l *layer) countMalformed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.malformed++
}

// highest returns the newest sequence number received.
func (l *layer) highest() uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint16(l.loss.highest)
}

// senderReport returns the publisher's latest sender report, zero if there was none.
func (l *layer) senderReport() senderReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastSenderReport
}

// report returns the reception report about this layer for the publisher. It returns false if no packet has arrived
// yet.
func (l *layer) report(now time.Time) (rtcp.ReceptionReport, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.loss.started {
		return rtcp.ReceptionReport{}, false
	}
	rr := l.loss.report(l.ssrc)
	if !l.lastSenderReport.at.IsZero() {
		rr.LastSenderReport = uint32(l.lastSenderReport.ntp >> 16)
		rr.Delay = uint32(now.Sub(l.lastSenderReport.at).Seconds() * 65536) // units of 1/65536 s
	}
	return rr, true
}

// addTo adds the layer's counters to s.
func (l *layer) addTo(s *Stats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Packets += l.loss.received
	s.Bytes += l.bytes
	s.Malformed += l.malformed
	if l.loss.started {
		if expected := l.loss.highest - l.loss.baseSeq + 1; expected > l.loss.received {
			s.Lost += expected - l.loss.received
		}
	}
}
