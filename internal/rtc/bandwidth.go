package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// This file sets the priorities of a subscriber's tracks in its Allocator, which divides the bandwidth, and sends the
// client the videos that the bandwidth does not suffice for.

// Priorities of video when the bandwidth does not suffice for all videos (docs/protocol.md, 12.3): a shared screen
// comes first, then the main speaker, then the priorities that the client sets, which are at most maxPriority.
const (
	maxPriority     = 100
	speakerPriority = 200
	screenPriority  = 300
)

// priority returns the priority of the track in its subscriber's Allocator. Larger is more important.
func (s *Subscription) priority() int {
	switch {
	case s.pub.info.Source == livekit.TrackSource_SCREEN_SHARE:
		return screenPriority
	case s.pub.owner == s.pub.owner.room.mainSpeaker.participant:
		return speakerPriority
	}
	return int(min(s.subscriber.subscribing.settings[s.pub.info.Sid].GetPriority(), maxPriority))
}

// prioritize sets the priority of a video in the Allocator. It only changes memory, so it may run on the loop.
func (s *Subscription) prioritize() {
	if s.pub.info.Type == livekit.TrackType_VIDEO {
		s.subscriber.conn.receivingTransport().Allocator.SetPriority(s.down, s.priority())
	}
}

// mainSpeaker tracks the participant whose video has priority because it is speaking. A short noise, such as a cough,
// does not replace the main speaker.
type mainSpeaker struct {
	participant *Participant // the main speaker; nil until anybody has spoken
	candidate   *Participant // the loudest participant of the last ticks; nil if it is the main speaker
	ticks       int          // number of ticks in a row in which candidate was the loudest
}

// mainSpeakerTicks is the number of ticks in which a participant must be the loudest to become the main speaker: about
// 1 s.
const mainSpeakerTicks = 3

// updateMainSpeaker chooses the main speaker from the current levels. If the main speaker changes, it updates the
// priorities of the videos of the old and the new one.
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

// videoPaused records which videos the Allocator has paused or resumed and sends the changes to the client.
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

// bandwidthScore returns the best score that the subscriber's bandwidth allows for the track: poorScore if the video is
// paused, goodScore if the wanted layer does not fit, bestScore otherwise.
func (s *Subscription) bandwidthScore() float64 {
	switch {
	case s.paused:
		return poorScore
	case s.subscriber.conn.receivingTransport().Allocator.Starved(s.down):
		return goodScore
	}
	return bestScore
}

// sendAllStreamStates sends a resumed client the state of all its videos, because it may have missed changes.
func (sb *subscribing) sendAllStreamStates() {
	var states []*livekit.StreamStateInfo
	for _, s := range sb.subscriptions {
		if s.pub.info.Type == livekit.TrackType_VIDEO {
			states = append(states, s.streamState())
		}
	}
	sb.sendStreamStates(states)
}

// streamState returns the client's message about the video: active or paused.
func (s *Subscription) streamState() *livekit.StreamStateInfo {
	state := livekit.StreamState_ACTIVE
	if s.paused {
		state = livekit.StreamState_PAUSED
	}
	return &livekit.StreamStateInfo{ParticipantSid: s.pub.owner.sid(), TrackSid: s.pub.info.Sid, State: state}
}

// sendStreamStates sends the states to the client, if there are any.
func (sb *subscribing) sendStreamStates(states []*livekit.StreamStateInfo) {
	if len(states) > 0 {
		sb.p.send(streamStateMessage(states))
	}
}
