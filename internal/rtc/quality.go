package rtc

import (
	"maps"
	"slices"

	"github.com/livekit/protocol/livekit"
)

// qualityState holds the latest computed connection quality of a participant.
type qualityState struct {
	known bool    // set once the quality has been computed
	score float64 // of the worst track, sent or received; 0 to 100
	lost  bool    // set while the media connection is down
}

// updateQuality computes the quality of all connections and sends the changes to the participants concerned.
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

// updateQuality updates the score of the media that arrives from the publisher.
func (pub *Publication) updateQuality() {
	s := pub.stats()
	pub.quality.update(counts{int64(s.Packets + s.Lost), int64(s.Lost)}, lossWeight(pub.info.MimeType), 0, 0)
}

// updateQuality sets p's score to that of the worst track that p sends or receives. It reports whether the quality that
// others see has changed. Losses between a publisher and the server do not count for its subscribers.
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

// mediaLost reports whether p's media connection is down. A mirror has no connection of its own. For a mirror,
// mediaLost reports on the connection of the original participant. For any other participant without a connection it
// returns false.
func (p *Participant) mediaLost() bool {
	if p.forwarding.source != nil {
		return p.forwarding.lost
	}
	return p.conn.primaryTransport() != nil && p.conn.disconnected()
}

// updateMediaLost informs the participants concerned immediately when p's media connection goes down or comes back.
func (p *Participant) updateMediaLost() {
	if lost := p.mediaLost(); p.quality.known && p.quality.lost != lost {
		p.quality.lost = lost
		p.room.sendQualityUpdates([]*Participant{p})
		p.forwarding.syncMirrors()
	}
}

// sendQualityUpdates sends quality updates to the participants whose quality has changed and to their subscribers. Each
// gets its own quality and that of all participants that it receives from.
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

// grade returns p's connection quality as a protocol value.
func (p *Participant) grade() livekit.ConnectionQuality {
	if p.quality.lost {
		return livekit.ConnectionQuality_LOST
	}
	return grade(p.quality.score)
}

// sendQuality sends p the connection quality of those participants for which it is known.
func (p *Participant) sendQuality(participants ...*Participant) {
	infos := make([]*livekit.ConnectionQualityInfo, 0, len(participants))
	for _, o := range participants {
		if !o.quality.known {
			continue
		}
		info := &livekit.ConnectionQualityInfo{ParticipantSid: o.sid(), Quality: o.grade(), Score: meanOpinionScore(o.quality.score)}
		if info.Quality == livekit.ConnectionQuality_LOST {
			info.Score = meanOpinionScore(0)
			// A client that is sent LOST for itself would end its connection, which ICE should decide. Older clients do
			// not support LOST.
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
