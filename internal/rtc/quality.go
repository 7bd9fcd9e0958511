package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// qualityState is how good a participant's connection was at the last look.
type qualityState struct {
	known   bool
	loss    float64 // worse of the two directions, from 0 to 1
	lost    bool    // the media connection is down
	before  map[string]sfu.Stats
	updated bool // changed at the last look
}

// Loss at which a connection stops being excellent and good. Opus with its own error correction and video with
// retransmission hide the first; the second is heard and seen.
const (
	goodLoss = 0.02
	poorLoss = 0.08
)

// updateQuality looks at everybody's loss and tells each participant of its own quality and of those it receives, when
// one of them has changed.
func (r *Room) updateQuality() {
	for _, p := range r.participants {
		p.measureQuality()
	}
	for _, p := range r.participants {
		var infos []*livekit.ConnectionQualityInfo
		changed := false
		for _, o := range r.participants {
			if o.quality.known && (o == p || p.hears(o)) {
				infos = append(infos, o.qualityInfo())
				changed = changed || o.quality.updated
			}
		}
		if changed {
			p.sendQuality(infos)
		}
	}
}

func (p *Participant) measureQuality() {
	if p.info.State != livekit.ParticipantInfo_ACTIVE {
		return
	}
	q := &p.quality
	was, known := p.qualityInfo().Quality, q.known
	q.loss = 0
	before := q.before
	q.before = map[string]sfu.Stats{}
	for sid, pub := range p.publications {
		now := pub.stats()
		q.before[sid] = now
		received, missed := now.Packets-before[sid].Packets, int64(now.Lost)-int64(before[sid].Lost)
		if missed > 0 {
			q.loss = max(q.loss, float64(missed)/float64(received+uint64(missed)))
		}
	}
	for _, s := range p.subscriptions {
		q.loss = max(q.loss, s.down.Loss())
	}
	// Only a connection that ICE has given up on is lost: a client told so of itself reconnects.
	q.lost = p.primary() == nil || !p.primary().connected
	q.known = true
	q.updated = !known || p.qualityInfo().Quality != was
}

// qualityInfo grades the loss and gives the score on LiveKit's scale, from 1 to 4.5.
func (p *Participant) qualityInfo() *livekit.ConnectionQualityInfo {
	info := &livekit.ConnectionQualityInfo{ParticipantSid: p.sid()}
	switch q := p.quality; {
	case q.lost:
		info.Quality, info.Score = livekit.ConnectionQuality_LOST, 1
	case q.loss > poorLoss:
		info.Quality, info.Score = livekit.ConnectionQuality_POOR, 2
	case q.loss > goodLoss:
		info.Quality, info.Score = livekit.ConnectionQuality_GOOD, 3.5
	default:
		info.Quality, info.Score = livekit.ConnectionQuality_EXCELLENT, 4.5
	}
	return info
}

func (p *Participant) sendQuality(infos []*livekit.ConnectionQualityInfo) {
	if p.req.Client.GetProtocol() <= 10 { // does not know LOST
		for _, i := range infos {
			if i.Quality == livekit.ConnectionQuality_LOST {
				i.Quality = livekit.ConnectionQuality_POOR
			}
		}
	}
	p.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_ConnectionQuality{ConnectionQuality: &livekit.ConnectionQualityUpdate{Updates: infos}}})
}
