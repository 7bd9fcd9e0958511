package sfu

import (
	"sync"

	"github.com/pion/interceptor"
)

// maxRetired bounds the SSRCs that count as ours after we have stopped sending: feedback about them still comes then, and
// hundreds may stop at once.
const maxRetired = 4096

// trackRouter knows the streams that are sent over one connection: the writer of each, which it hands to the stream's
// DownTrack, and the DownTrack that gets the RTCP about it.
type trackRouter struct {
	mu       sync.Mutex
	writers  map[uint32]interceptor.RTPWriter // by SSRC
	tracks   map[uint32]*DownTrack            // those that are sent, by SSRC
	ownSSRCs map[uint32]bool                  // SSRCs that we send, those of retransmissions included
	retired  []uint32                         // those of own that we send no more, the oldest first
}

func newTrackRouter() trackRouter {
	return trackRouter{writers: map[uint32]interceptor.RTPWriter{}, tracks: map[uint32]*DownTrack{}, ownSSRCs: map[uint32]bool{}}
}

// bind keeps the writer of a stream.
func (t *trackRouter) bind(info *interceptor.StreamInfo, w interceptor.RTPWriter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers[info.SSRC] = w
	t.ownSSRCs[info.SSRC], t.ownSSRCs[info.SSRCRetransmission] = true, true
}

// unbind forgets the writer of a stream.
func (t *trackRouter) unbind(info *interceptor.StreamInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.writers, info.SSRC)
	t.retired = append(t.retired, info.SSRC, info.SSRCRetransmission)
	for len(t.retired) > maxRetired {
		delete(t.ownSSRCs, t.retired[0])
		t.retired = t.retired[1:]
	}
}

// sends reports whether that SSRC is one of ours.
func (t *trackRouter) isSent(ssrc uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ownSSRCs[ssrc]
}

// writer returns the writer of a stream, nil before pion has started the sender.
func (t *trackRouter) writer(ssrc uint32) interceptor.RTPWriter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writers[ssrc]
}

// route gives the RTCP about the stream that is sent with that SSRC to d, or to nobody with nil.
func (t *trackRouter) setTrack(ssrc uint32, d *DownTrack) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d == nil {
		delete(t.tracks, ssrc)
		return
	}
	t.tracks[ssrc] = d
}

// track returns the track that is sent with that SSRC, nil if none is.
func (t *trackRouter) track(ssrc uint32) *DownTrack {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tracks[ssrc]
}
