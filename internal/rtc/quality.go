package rtc

import (
	"maps"
	"slices"

	"github.com/livekit/protocol/livekit"
)

// qualityState holds how good a participant's connection was at the last look.
type qualityState struct {
	known bool
	score float64 // of its worst track, either way
	lost  bool    // the media connection is down
}

// updateQuality grades all connections. It tells each participant the grades of its own connection and of those it
// receives from, if one of them has changed.
func (r *Room) updateQuality() {
	for _, pub := range r.published {
		pub.updateQuality()
	}
	var changed []*Participant
	for _, p := range r.participants {
		if p.updateQuality() {
			changed = append(changed, p)
		}
	}
	r.sendQualityUpdates(changed)
}

// updateQuality grades what arrives of the track.
func (pub *Publication) updateQuality() {
	s := pub.stats()
	pub.quality.update(counts{int64(s.Packets + s.Lost), int64(s.Lost)}, lossWeight(pub.info.MimeType), 0, 0)
}

// updateQuality grades p by the worst track that it sends or receives, and reports whether others see a difference. What
// was lost between a publisher and the server does not count for its subscribers.
func (p *Participant) updateQuality() bool {
	if p.info.State != livekit.ParticipantInfo_ACTIVE {
		return false
	}
	q := &p.quality
	was, known := p.grade(), q.known
	q.score, q.known = bestScore, true
	for _, pub := range p.publishing.publications {
		q.score = min(q.score, pub.quality.score)
	}
	for _, s := range p.subscribing.subscriptions {
		got := s.down.Reception()
		s.quality.update(counts{got.Expected, got.Lost}, lossWeight(s.pub.info.MimeType), s.pub.quality.loss, got.RoundTrip)
		q.score = min(q.score, s.quality.score, s.bandwidthScore())
	}
	q.lost = p.mediaLost()
	return !known || p.grade() != was
}

// mediaLost reports whether ICE hears nothing of p any more. A participant without a client has no connection to lose.
func (p *Participant) mediaLost() bool {
	if p.forwarding.source != nil {
		return p.forwarding.lost
	}
	return p.conn.primaryTransport() != nil && p.conn.disconnected()
}

// updateMediaLost tells the others at once when p's media connection is lost, or is back.
func (p *Participant) updateMediaLost() {
	if lost := p.mediaLost(); p.quality.known && p.quality.lost != lost {
		p.quality.lost = lost
		p.room.sendQualityUpdates([]*Participant{p})
		p.forwarding.syncMirrors()
	}
}

// sendQualityUpdates sends the grades of all that they receive from to participants that have changed, and to those that receive
// from them.
func (r *Room) sendQualityUpdates(changed []*Participant) {
	concerned := map[*Participant]bool{}
	for _, p := range changed {
		concerned[p] = true
		for o := range p.publishing.subscribers {
			concerned[o] = true
		}
	}
	for p := range concerned {
		sources := map[*Participant]bool{p: true}
		for _, s := range p.subscribing.subscriptions {
			sources[s.pub.owner] = true
		}
		p.sendQuality(slices.Collect(maps.Keys(sources))...)
	}
}

func (p *Participant) grade() livekit.ConnectionQuality {
	if p.quality.lost {
		return livekit.ConnectionQuality_LOST
	}
	return grade(p.quality.score)
}

// sendQuality sends p the grades of those participants' connections that are known.
func (p *Participant) sendQuality(people ...*Participant) {
	infos := make([]*livekit.ConnectionQualityInfo, 0, len(people))
	for _, o := range people {
		if !o.quality.known {
			continue
		}
		info := &livekit.ConnectionQualityInfo{ParticipantSid: o.sid(), Quality: o.grade(), Score: meanOpinionScore(o.quality.score)}
		if info.Quality == livekit.ConnectionQuality_LOST {
			info.Score = meanOpinionScore(0)
			// A client that learns this of itself gives its connection up, which is for ICE to decide; older clients do
			// not know it.
			if o == p || !p.quirks.lostQuality {
				info.Quality = livekit.ConnectionQuality_POOR
			}
		}
		infos = append(infos, info)
	}
	if len(infos) > 0 {
		p.send(connectionQualityMessage(infos))
	}
}
