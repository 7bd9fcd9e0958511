package sfu

import (
	"sync"

	"github.com/pion/interceptor"
)

// maxRetired bounds the number of stored SSRCs that are no longer sent. Feedback about them still arrives for a while,
// and hundreds of tracks may stop together.
const maxRetired = 4096

// trackRouter stores the writer and the DownTrack of each SSRC that is sent on one connection. The DownTrack handles
// RTCP about its SSRC.
type trackRouter struct {
	mu       sync.Mutex
	writers  map[uint32]interceptor.RTPWriter // by SSRC
	tracks   map[uint32]*DownTrack            // by SSRC
	ownSSRCs map[uint32]bool                  // SSRCs that are sent, or were until recently; includes retransmission streams
	retired  []uint32                         // those of ownSSRCs that are no longer sent, oldest first
}

// newTrackRouter returns an empty trackRouter.
func newTrackRouter() trackRouter {
	return trackRouter{writers: map[uint32]interceptor.RTPWriter{}, tracks: map[uint32]*DownTrack{}, ownSSRCs: map[uint32]bool{}}
}

// bind stores the writer of a stream.
func (t *trackRouter) bind(info *interceptor.StreamInfo, w interceptor.RTPWriter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers[info.SSRC] = w
	t.ownSSRCs[info.SSRC], t.ownSSRCs[info.SSRCRetransmission] = true, true
}

// unbind removes the writer of a stream. Its SSRCs still count as sent for a while; see maxRetired.
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

// isSent reports whether the connection sends packets with ssrc, or has sent them until recently.
func (t *trackRouter) isSent(ssrc uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ownSSRCs[ssrc]
}

// writer returns the writer of a stream, or nil if pion has not started the sender yet.
func (t *trackRouter) writer(ssrc uint32) interceptor.RTPWriter {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writers[ssrc]
}

// setTrack makes d handle the RTCP about ssrc. If d is nil, nothing handles it.
func (t *trackRouter) setTrack(ssrc uint32, d *DownTrack) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d == nil {
		delete(t.tracks, ssrc)
		return
	}
	t.tracks[ssrc] = d
}

// track returns the DownTrack that is sent with ssrc, nil if there is none.
func (t *trackRouter) track(ssrc uint32) *DownTrack {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tracks[ssrc]
}
