package sfu

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
)

var errPadding = errors.New("sfu: padding longer than the packet")

// Tap is the one interceptor of a peer connection. Towards publishers it records the arrival of every packet,
// retransmissions and probes included, for transport-wide feedback. Towards subscribers it hands each DownTrack the
// connection's own writer, which spares the packet path pion's interceptor chain and its allocation, and keeps the Pacer
// all of them send through.
type Tap struct {
	interceptor.NoOp
	pacer   *Pacer
	streams streamLimit
	// What waits to be read of all that the client sends.
	rtp, rtcp unread

	mu       sync.Mutex
	recorder *twcc.Recorder
	writers  map[uint32]interceptor.RTPWriter // by SSRC
	tracks   map[uint32]*DownTrack            // those that are sent, by SSRC
	own      map[uint32]bool                  // SSRCs that we send, those of retransmissions included
	retired  []uint32                         // those of own that we send no more, the oldest first
}

// NewTap makes a Tap; add it to a connection's interceptor registry. overflow is called once when the client sends more
// streams than it may, from a goroutine that must not be blocked; the connection has to be ended then.
func NewTap(senderSSRC uint32, overflow func()) *Tap {
	return &Tap{
		pacer: newPacer(), streams: newStreamLimit(overflow), rtp: unread{limit: maxUnread}, rtcp: unread{limit: maxUnreadRTCP},
		recorder: twcc.NewRecorder(senderSSRC),
		writers:  map[uint32]interceptor.RTPWriter{}, tracks: map[uint32]*DownTrack{}, own: map[uint32]bool{},
	}
}

// Close ends what the Pacer does by itself; pion calls it with the connection's end.
func (t *Tap) Close() error {
	t.pacer.Close()
	return nil
}

// NewInterceptor makes Tap its own factory: a registry is made for each connection.
func (t *Tap) NewInterceptor(string) (interceptor.Interceptor, error) { return t, nil }

// BindLocalStream keeps the writer for the DownTrack of that SSRC.
func (t *Tap) BindLocalStream(info *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers[info.SSRC] = w
	t.own[info.SSRC], t.own[info.SSRCRetransmission] = true, true
	return w
}

// UnbindLocalStream forgets it.
func (t *Tap) UnbindLocalStream(info *interceptor.StreamInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.writers, info.SSRC)
	t.retired = append(t.retired, info.SSRC, info.SSRCRetransmission)
	for len(t.retired) > maxRetired {
		delete(t.own, t.retired[0])
		t.retired = t.retired[1:]
	}
}

// maxRetired bounds the SSRCs that count as ours after we have stopped sending: feedback about them still comes then, and
// hundreds may stop at once.
const maxRetired = 4096

// sends reports whether that SSRC is one of ours.
func (t *Tap) sends(ssrc uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own[ssrc]
}

func (t *Tap) writer(ssrc uint32) interceptor.RTPWriter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writers[ssrc]
}

// hear gives the feedback on the stream that is sent with that SSRC to d, or to nobody with nil.
func (t *Tap) hear(ssrc uint32, d *DownTrack) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d == nil {
		delete(t.tracks, ssrc)
		return
	}
	t.tracks[ssrc] = d
}

// sent is the track that is sent with that SSRC, nil if none is.
func (t *Tap) sent(ssrc uint32) *DownTrack {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tracks[ssrc]
}

// BindRemoteStream records what is read, if the stream negotiated transport-wide sequence numbers.
func (t *Tap) BindRemoteStream(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	id := extensionID(info.RTPHeaderExtensions, sdp.TransportCCURI)
	if id == 0 {
		return r
	}
	ssrc := info.SSRC
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attributes, err := r.Read(b, a)
		if err == nil {
			if seq, ok := extension16(b[:n], id); ok {
				t.mu.Lock()
				t.recorder.Record(ssrc, seq, time.Now().UnixMicro())
				t.mu.Unlock()
			}
		}
		return n, attributes, err
	})
}

// feedback returns the transport-wide feedback gathered since the last call, nil when there is none.
func (t *Tap) feedback() []rtcp.Packet {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.recorder.PacketsHeld() == 0 {
		return nil
	}
	return t.recorder.BuildFeedbackPacket()
}

func extensionID(exts []interceptor.RTPHeaderExtension, uri string) uint8 {
	for _, e := range exts {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// extension16 finds extension id in a raw RTP packet with one-byte or two-byte extension headers (RFC 8285) and
// returns its first two bytes.
func extension16(raw []byte, id uint8) (uint16, bool) {
	if len(raw) < 12 || raw[0]&0x10 == 0 {
		return 0, false
	}
	at := 12 + 4*int(raw[0]&0x0f)
	if len(raw) < at+4 {
		return 0, false
	}
	profile, words := binary.BigEndian.Uint16(raw[at:]), int(binary.BigEndian.Uint16(raw[at+2:]))
	oneByte := profile == 0xBEDE
	at += 4
	end := at + 4*words
	if end > len(raw) || !oneByte && profile&0xfff0 != 0x1000 {
		return 0, false
	}
	for at < end {
		if raw[at] == 0 { // padding between extensions
			at++
			continue
		}
		var got uint8
		var size int
		if oneByte {
			got, size = raw[at]>>4, int(raw[at]&0x0f)+1
			at++
			if got == 0 || got == 15 { // reserved with a length: nothing from here on may be read
				return 0, false
			}
		} else {
			if at+1 >= end {
				return 0, false
			}
			got, size = raw[at], int(raw[at+1])
			at += 2
		}
		if at+size > end {
			return 0, false
		}
		if got == id && size >= 2 {
			return binary.BigEndian.Uint16(raw[at:]), true
		}
		at += size
	}
	return 0, false
}
