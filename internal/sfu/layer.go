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
	// mtu holds any packet a browser sends (1,200 bytes of payload and headers) and those of clients set for Ethernet.
	mtu = 1500
	// keyFrameInterval is the least time between two key frame requests for the lowest layer, keyFrameIntervalUp for those
	// above: a key frame costs some ten times a normal one, so a room of subscribers asking together must not multiply it
	// (docs/protocol.md, 12.1).
	keyFrameInterval, keyFrameIntervalUp = 500 * time.Millisecond, time.Second
	// layerTimeout is how long a layer may be silent before its subscribers move to another one. A camera sends at
	// least 5 frames a second, and the picture shall move again in less than a second; a screen that does not change may
	// send one frame in seconds.
	layerTimeout, sparseTimeout = 500 * time.Millisecond, 4 * time.Second
	// patientTimeout is the same where moving is worse than waiting. Layers above the lowest cost more than its subscribers
	// may have, and publishers stop the lowest layer last. And after a key frame an encoder may pause until it has made up
	// for the bits: the key frame that moving costs would make it pause again.
	longLayerTimeout = 2 * time.Second
)

// layer is one RTP stream of a Receiver.
type layer struct {
	r            *Receiver
	n            int
	source       TrackSource
	ssrc         uint32
	history      *History
	pkt          Packet       // the one being forwarded; touched by the read goroutine only
	lastArrival  atomic.Int64 // arrival of the latest packet, Unix ns
	lastKeyFrame atomic.Int64 // the same of the latest key frame
	meter        rateMeter

	// Touched by the read goroutine only.
	descriptors       *codec.DescriptorReader // nil where they are not read
	structureAt       uint16                  // number of the latest packet with a structure
	awaitingStructure []uint16                // numbers of packets whose structure has not come
	awaitingSince     time.Time               // the first of them
	late              Packet                  // scratch
	lateRaw           []byte                  // scratch

	mu                sync.Mutex
	loss              lossTracker
	nacks             []rtcp.NackPair // scratch
	bytes             uint64
	malformed         uint64
	keyFrameRequested time.Time // last key frame request
	keyFramePending   bool      // another was wanted before the interval was over
	lastSenderReport  senderReport
}

// senderReport is the publisher's latest: its clock and its stream's timestamp at one moment.
type senderReport struct {
	ntp uint64 // 32.32 fixed point seconds (RFC 3550, section 4)
	rtp uint32
	at  time.Time // when it came; zero if none did
}

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

func (l *layer) readRTP() {
	raw := make([]byte, mtu)
	for {
		n, err := l.source.ReadRTP(raw)
		if errors.Is(err, io.ErrShortBuffer) {
			l.countMalformed() // one packet that is too long is no reason to end the track
			continue
		}
		if err != nil {
			l.r.activeLayers.And(^uint32(1 << l.n))
			return
		}
		l.handle(raw[:n], time.Now())
	}
}

// handle takes one packet through to the sinks.
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

// parse reads what p says about itself.
func (l *layer) parse(p *Packet) error {
	if err := codec.Parse(l.r.codec, p.Payload, &p.Info); err != nil {
		return err
	}
	return l.describe(p)
}

// describe reads p's dependency descriptor, if there is one.
func (l *layer) describe(p *Packet) error {
	if l.descriptors == nil {
		return nil
	}
	if ext := p.Header.GetExtension(l.r.options.DescriptorID); ext != nil {
		if l.precedesStructure(p.Header.SequenceNumber) && codec.HasStructure(ext) {
			return codec.ErrNoStructure // it must not take the place of the one in force
		}
		return l.descriptors.Read(ext, &p.Info)
	}
	return nil
}

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

// note counts the packet and asks for missing ones and for a key frame that is due. It returns the packet's extended
// number and whether it is one to forward: a duplicate is not.
func (l *layer) notePacket(raw []byte, now time.Time) (ext uint64, fresh bool) {
	resumes := l.updateActive(now)
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
	if resumes {
		l.keyFrameRequested = time.Time{} // a publisher that sends nothing may have dropped the request or its answer
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

// silence is how long spatial layer s of the stream may send nothing before it counts as ended.
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

// keepAlive marks the layer as sending and those as silent that have been for too long. Every layer does it for all,
// so no timer is needed: when none sends there is nothing to choose. It reports whether the layer itself was silent.
func (l *layer) updateActive(now time.Time) (resumes bool) {
	resumes = now.UnixNano()-l.lastArrival.Swap(now.UnixNano()) > int64(l.silenceTimeout(0, now))
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
	return resumes
}

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

func (l *layer) countMalformed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.malformed++
}

// highest returns the newest sequence number there is.
func (l *layer) highest() uint16 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint16(l.loss.highest)
}

func (l *layer) senderReport() senderReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastSenderReport
}

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
