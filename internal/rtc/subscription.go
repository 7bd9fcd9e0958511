package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// Subscription is one participant's receipt of one publication.
type Subscription struct {
	subscriber *Participant
	pub        *Publication
	down       *sfu.DownTrack
	codec      *publishedCodec // which it is to play, perhaps before it is there
	plays      *publishedCodec // which the DownTrack is fed; nil while the client waits for one it takes
	settled    bool            // the connection has negotiated, so it is known what the client takes
	ready      bool            // media may follow: the client knows of the section
	started    bool
	enabled    bool       // the subscriber shows it
	wanted     int        // highest layer it shows
	paused     bool       // the connection is too narrow for it
	quality    trackScore // of what the subscriber gets
}

func (p *Participant) subscribe(pub *Publication) {
	t := p.receiving()
	s := &Subscription{subscriber: p, pub: pub, enabled: true, wanted: sfu.MaxLayers - 1}
	s.listen(t)
	p.subscriptions[pub.info.Sid] = s
	pub.subs = append(pub.subs, s)
	p.room.rewatched[pub] = true
	s.apply(p.settings[pub.info.Sid])
	t.allocator.Add(s.down)
	s.prioritize()
	if p.single {
		t.sendTrackOnSection(s.down)
	} else {
		t.sendTrack(s.down, pub.mimes())
	}
	p.room.stale[p] = true
	p.await(pub.info.Sid, bindTimeout)
	if pub.owner.audience[p]++; pub.owner.audience[p] == 1 {
		p.tellAbout(pub.owner)
	}
}

// streamID is what the client finds the participant and the track by. Browsers play tracks of one stream in step, so
// those that can are told the stream's name in place of the track's sid (livekit-protocol.md, 2.6).
func streamID(p *Participant, pub *Publication) string {
	if p.req.syncsStreams() && pub.info.Stream != "" &&
		!strings.HasPrefix(pub.info.Stream, trackPrefix) && !strings.ContainsAny(pub.info.Stream, "| ") {
		return pub.owner.sid() + "|" + pub.info.Stream
	}
	return pub.owner.sid() + "|" + pub.info.Sid
}

// sectionMark stands before a track's sid in the SDP for clients that are to look it up by its section instead: a browser
// keeps the name of the first track on a section for all that come after it.
const sectionMark = "~"

// trackID is the track's name in the SDP.
func trackID(p *Participant, pub *Publication) string {
	if p.req.syncsStreams() && p.req.mapsSections() {
		return sectionMark + pub.info.Sid
	}
	return pub.info.Sid
}

// sidOf is the sid of a track of ours by its name in the SDP.
func sidOf(trackID string) string { return strings.TrimPrefix(trackID, sectionMark) }

// unsubscribe ends s; the client learns it with the next negotiation.
func (p *Participant) unsubscribe(s *Subscription) {
	s.detach()
	delete(p.subscriptions, s.pub.info.Sid)
	p.receiving().dropTrack(s.down, s.pub.closed)
	p.room.stale[p] = true
	if p.room.limit(s.pub.info.Type) > 0 {
		p.room.released[p] = true
	}
	if o := s.pub.owner; o.speaking.level > 0 && !p.hears(o) {
		// Later changes will not reach p, so o would speak for ever.
		p.sendSpeakers([]*livekit.SpeakerInfo{{Sid: o.sid()}})
	}
}

// detach stops the media of s.
func (s *Subscription) detach() {
	s.down.Stop()
	s.pub.owner.room.rewatched[s.pub] = true
	s.pub.subs = slices.DeleteFunc(s.pub.subs, func(x *Subscription) bool { return x == s })
	audience := s.pub.owner.audience
	if audience[s.subscriber]--; audience[s.subscriber] == 0 {
		delete(audience, s.subscriber)
	}
}

// updateSettings notes how a track is to be received; it holds for tracks that do not exist yet too.
func (p *Participant) updateSettings(u *livekit.UpdateTrackSettings) {
	kept := &livekit.UpdateTrackSettings{Disabled: u.Disabled, Quality: u.Quality, Width: u.Width, Height: u.Height, Priority: u.Priority}
	for _, sid := range u.TrackSids {
		if p.settings[sid] != nil || len(p.settings) < maxRemembered && validSID(sid) {
			p.settings[sid] = kept
		}
		if s := p.subscriptions[sid]; s != nil {
			s.apply(kept)
			s.prioritize()
		}
	}
}

// apply turns the client's settings into what the DownTrack forwards.
func (s *Subscription) apply(u *livekit.UpdateTrackSettings) {
	if u == nil {
		return
	}
	s.enabled, s.wanted = !u.Disabled, wantedLayer(s.pub.info, u)
	s.down.SetWanted(s.enabled, s.wanted, sfu.MaxTemporals-1)
	s.pub.owner.room.rewatched[s.pub] = true
}

// wantedLayer returns the smallest layer that covers about nine tenths of the size the client shows, else the one of the
// quality it asks for (livekit-protocol.md, 4).
func wantedLayer(info *livekit.TrackInfo, u *livekit.UpdateTrackSettings) int {
	layers := sortedLayers(info.Layers)
	if u.Width > 0 && u.Height > 0 {
		for i, l := range layers {
			if l.Width*10 >= u.Width*9 || l.Height*10 >= u.Height*9 {
				return i
			}
		}
		return sfu.MaxLayers - 1
	}
	top := 0
	for i, l := range layers {
		if l.Quality <= u.Quality {
			top = i
		}
	}
	if len(layers) == 0 {
		return int(u.Quality)
	}
	return top
}
