package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// Subscription is one participant's subscription to one publication.
type Subscription struct {
	subscriber *Participant
	pub        *Publication
	down       *sfu.DownTrack
	state      subscriptionState
	// The codecs can change in any state. A Playing subscription that waits for media in another codec keeps its
	// DownTrack started.
	targetCodec  *publishedCodec // codec to switch to; it may have no media yet
	currentCodec *publishedCodec // codec that the DownTrack sends; nil until there is one that the client can decode
	subscriptionInputs
	applyTimer *time.Timer // runs until changed settings, or a measured frame rate, take effect
	applyDue   time.Time
	quality    trackScore // of the media that the subscriber receives
}

// subscriptionInputs holds the decisions of the subscriber and its Allocator. They determine which layers the
// DownTrack forwards and which layers the publisher is asked for. They never change the state of the subscription.
type subscriptionInputs struct {
	enabled bool // set by the subscriber while it shows the track
	wanted  int  // highest layer that the subscriber shows
	paused  bool // set by the Allocator while the subscriber's bandwidth does not suffice for the track
}

// subscribe starts a subscription to pub and schedules a negotiation.
func (sb *subscribing) subscribe(pub *Publication) {
	p := sb.p
	t := p.conn.receivingTransport()
	s := &Subscription{subscriber: p, pub: pub, subscriptionInputs: subscriptionInputs{enabled: true, wanted: sfu.MaxLayers - 1}}
	s.newDownTrack(t)
	sb.subscriptions[pub.info.Sid] = s
	pub.subs = append(pub.subs, s)
	p.room.dirtyDemand[pub] = true
	s.applySettings(sb.settings[pub.info.Sid])
	t.Allocator.Add(s.down)
	s.prioritize()
	t.AddTrack(s.down, pub.offeredMimeTypes())
	p.room.dirtyTransports[p] = true
	sb.awaitTrack(pub.info.Sid, bindTimeout)
	if pub.owner.publishing.subscribers[p]++; pub.owner.publishing.subscribers[p] == 1 {
		p.sendSpeakerState(pub.owner)
	}
}

// streamID returns the stream ID in the SDP, from which the client learns the participant and the track. Browsers play
// the tracks of one stream in sync. For clients that support synchronized streams, the ID contains the name of the
// stream instead of the track's SID (docs/protocol.md, 2.6).
func streamID(p *Participant, pub *Publication) string {
	if p.quirks.syncsStreams && pub.info.Stream != "" &&
		!strings.HasPrefix(pub.info.Stream, trackPrefix) && !strings.ContainsAny(pub.info.Stream, "| ") {
		return pub.owner.sid() + "|" + pub.info.Stream
	}
	return pub.owner.sid() + "|" + pub.info.Sid
}

// sectionPrefix precedes a track's SID in the SDP, for clients that must find a track by its media section. They
// cannot find it by its name, because a browser keeps the name of a section's first track for all later tracks on
// that section.
const sectionPrefix = "~"

// trackID returns the track's name in the SDP.
func trackID(p *Participant, pub *Publication) string {
	if p.quirks.mapsSections {
		return sectionPrefix + pub.info.Sid
	}
	return pub.info.Sid
}

// sidOf returns the SID of the track that has this name in the SDP.
func sidOf(trackID string) string { return strings.TrimPrefix(trackID, sectionPrefix) }

// end ends the subscription. The client is informed by the next negotiation.
func (s *Subscription) end() {
	p := s.subscriber
	s.detach()
	delete(p.subscribing.subscriptions, s.pub.info.Sid)
	p.conn.receivingTransport().RemoveTrack(s.down, s.pub.closed)
	p.room.dirtyTransports[p] = true
	if p.room.limit(s.pub.info.Type) > 0 {
		p.room.dirtySubscriptions[p] = true
	}
	if o := s.pub.owner; o.publishing.level > 0 && !p.receivesFrom(o) {
		// p gets no later changes of o's level, so o would appear to speak forever.
		p.sendSpeakers([]*livekit.SpeakerInfo{{Sid: o.sid()}})
	}
}

// detach stops the media of s and removes s from the publication.
func (s *Subscription) detach() {
	s.advance(subscriptionDetached)
	s.stopApplyTimer()
	s.pub.owner.room.dirtyDemand[s.pub] = true
	s.pub.subs = slices.DeleteFunc(s.pub.subs, func(x *Subscription) bool { return x == s })
	counts := s.pub.owner.publishing.subscribers
	if counts[s.subscriber]--; counts[s.subscriber] == 0 {
		delete(counts, s.subscriber)
	}
}
