package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// This file gives a subscriber's Allocator the priorities of tracks, and tells the client which tracks its bandwidth does
// not suffice for.

// Priorities of video when the bandwidth does not suffice for all of it (docs/protocol.md, 12.3): a shared screen comes
// first, then the speaker, then what the client asks for, which is at most maxPriority.
const (
	maxPriority     = 100
	speakerPriority = 200
	screenPriority  = 300
)

// priority returns the priority of the track for its subscriber.
func (s *Subscription) priority() int {
	switch {
	case s.pub.info.Source == livekit.TrackSource_SCREEN_SHARE:
		return screenPriority
	case s.pub.owner == s.pub.owner.room.mainSpeaker.participant:
		return speakerPriority
	}
	return int(min(s.subscriber.subscribing.settings[s.pub.info.Sid].GetPriority(), maxPriority))
}

// prioritize passes a changed priority to the Allocator. It only changes memory, so the loop does it.
func (s *Subscription) prioritize() {
	if s.pub.info.Type == livekit.TrackType_VIDEO {
		s.subscriber.conn.receivingTransport().Allocator.SetPriority(s.down, s.priority())
	}
}

// mainSpeaker is the main speaker, by whom tracks are prioritized. A cough does not change it.
type mainSpeaker struct {
	participant *Participant // nil until somebody has spoken
	candidate   *Participant // the loudest at the latest ticks
	ticks       int          // how many
}

// mainSpeakerTicks is how long a participant has to be the loudest to become the main speaker: about a second.
const mainSpeakerTicks = 3

// updateMainSpeaker finds the main speaker, and updates priorities when it changes.
func (r *Room) updateMainSpeaker() {
	f := &r.mainSpeaker
	var loudest *Participant
	for _, p := range r.participants {
		if p.publishing.level > 0 && (loudest == nil || p.publishing.level > loudest.publishing.level) {
			loudest = p
		}
	}
	switch {
	case loudest == nil || loudest == f.participant || f.participant != nil && f.participant.publishing.level == loudest.publishing.level:
		f.candidate, f.ticks = nil, 0
		return
	case loudest != f.candidate:
		f.candidate, f.ticks = loudest, 0
	}
	if f.ticks++; f.ticks < mainSpeakerTicks && f.participant != nil && !f.participant.closed {
		return
	}
	before := f.participant
	*f = mainSpeaker{participant: loudest}
	for _, p := range []*Participant{before, loudest} {
		if p == nil {
			continue
		}
		for _, pub := range p.publishing.publications {
			for _, s := range pub.subs {
				s.prioritize()
			}
		}
	}
}

// videoPaused notes which videos the bandwidth has become too low for, or high enough again, and tells the client.
func (sb *subscribing) videoPaused(changed []sfu.PauseChange) {
	var states []*livekit.StreamStateInfo
	for _, c := range changed {
		s := sb.subscriptions[sidOf(c.Track.ID())]
		if s == nil || s.down != c.Track {
			continue
		}
		s.paused = c.Paused
		states = append(states, s.streamState())
	}
	sb.sendStreamStates(states)
}

// carried returns the best score that the subscriber's bandwidth allows the track: GOOD if it does not suffice for the
// wanted layer, POOR if it suffices for none.
func (s *Subscription) bandwidthScore() float64 {
	switch {
	case s.paused:
		return poorScore
	case s.subscriber.conn.receivingTransport().Allocator.Starved(s.down):
		return goodScore
	}
	return bestScore
}

// sendAllStreamStates tells a client that has resumed which videos are paused, because it may have missed that.
func (sb *subscribing) sendAllStreamStates() {
	var states []*livekit.StreamStateInfo
	for _, s := range sb.subscriptions {
		if s.pub.info.Type == livekit.TrackType_VIDEO {
			states = append(states, s.streamState())
		}
	}
	sb.sendStreamStates(states)
}

func (s *Subscription) streamState() *livekit.StreamStateInfo {
	state := livekit.StreamState_ACTIVE
	if s.paused {
		state = livekit.StreamState_PAUSED
	}
	return &livekit.StreamStateInfo{ParticipantSid: s.pub.owner.sid(), TrackSid: s.pub.info.Sid, State: state}
}

func (sb *subscribing) sendStreamStates(states []*livekit.StreamStateInfo) {
	if len(states) > 0 {
		sb.p.send(streamStateMessage(states))
	}
}
