package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// Subscription is one participant's reception of one publication.
type Subscription struct {
	subscriber *Participant
	pub        *Publication
	down       *sfu.DownTrack
	state      subscriptionState
	// The codecs of the publication come and go under any state: a Playing subscription waits for the next one with its
	// DownTrack started.
	targetCodec  *publishedCodec // to play; its media may not have come yet
	currentCodec *publishedCodec // fed to the DownTrack; nil until there is one that the client takes
	subscriptionInputs
	applyTimer *time.Timer // running until changed settings, or a measured frame rate, take effect
	applyDue   time.Time
	quality    trackScore // of what the subscriber gets
}

// subscriptionInputs are the decisions of others about a subscription. They change what its DownTrack forwards and what
// the publisher is asked for, never the subscription's state.
type subscriptionInputs struct {
	enabled bool // by the subscriber: it shows the track
	wanted  int  // by the subscriber: the highest layer it shows
	paused  bool // by the Allocator: the subscriber's bandwidth does not suffice for the track
}

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

// streamID returns the name of the stream in the SDP, by which the client finds the participant and the track. Browsers
// play tracks of one stream in step, so clients that support that get the stream's name in place of the track's sid
// (docs/protocol.md, 2.6).
func streamID(p *Participant, pub *Publication) string {
	if p.quirks.syncsStreams && pub.info.Stream != "" &&
		!strings.HasPrefix(pub.info.Stream, trackPrefix) && !strings.ContainsAny(pub.info.Stream, "| ") {
		return pub.owner.sid() + "|" + pub.info.Stream
	}
	return pub.owner.sid() + "|" + pub.info.Sid
}

// sectionPrefix precedes a track's sid in the SDP for clients that have to find it by its media section: a browser keeps
// the name of a section's first track for all later ones.
const sectionPrefix = "~"

// trackID returns the track's name in the SDP.
func trackID(p *Participant, pub *Publication) string {
	if p.quirks.mapsSections {
		return sectionPrefix + pub.info.Sid
	}
	return pub.info.Sid
}

// sidOf returns the sid of our track with that name in the SDP.
func sidOf(trackID string) string { return strings.TrimPrefix(trackID, sectionPrefix) }

// end ends the subscription. The client learns it with the next negotiation.
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
		// Later changes will not reach p, so o would speak for ever.
		p.sendSpeakers([]*livekit.SpeakerInfo{{Sid: o.sid()}})
	}
}

// detach stops the media of s.
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
