package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// Publication is a track as announced to the room.
type Publication struct {
	owner  *Participant
	info   *livekit.TrackInfo
	cids   []string          // IDs of the track on the client's side; the first is the one of its announcement
	codecs []*publishedCodec // in the client's order, the primary codec first
	subs   []*Subscription   // one for each subscriber

	mirrorDemands  map[*mirrorLink][]demandLevel // demand in the rooms of the mirrors, by codec
	reportedDemand []demandLevel                 // of a mirror: demand last reported to the source's room, by codec

	quality             trackScore  // of the media that arrives from the publisher
	backupOnly          bool        // set if subscribers that support the backup codec get it
	trackSubscribedSent bool        // set if the publisher was informed of its first subscriber
	lowerTimer          *time.Timer // runs while the demand is less than what was requested
	closed              bool
}

// newPublication returns the publication of a pending track, without media.
func newPublication(p *Participant, t *pendingTrack) *Publication {
	pub := &Publication{owner: p, info: t.info, cids: t.cids}
	if len(pub.info.Codecs) == 0 {
		pub.info.Codecs = []*livekit.SimulcastCodecInfo{{Cid: pub.cids[0], Layers: pub.info.Layers}}
	}
	pub.addListedCodecs()
	pub.codecs[0].requested = demandLevel(livekit.VideoQuality_HIGH) // clients send all layers until they get a demand
	return pub
}

// addListedCodecs adds a publishedCodec for each codec that has been added to the track's description.
func (pub *Publication) addListedCodecs() {
	for _, info := range pub.info.Codecs[len(pub.codecs):] {
		pub.codecs = append(pub.codecs, &publishedCodec{pub: pub, info: info, requested: noDemand})
	}
	pub.cids = cidsOf(pub.cids[0], pub.info)
}

// publish makes a track visible to the room, after its media has arrived or its codec has been negotiated.
func (r *Room) publish(pub *Publication) {
	p := pub.owner
	p.publishing.publications[pub.info.Sid] = pub
	p.setPublisher(true)
	r.announce(p, true)
	r.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
	p.log.Debug("track published", "track", pub.info.Sid, "codec", pub.info.MimeType)
	r.addPublication(pub)
	r.reconcileSubscribers(pub)
	r.dirtyDemand[pub] = true // there may be no subscriber
}

// expectMedia creates the Receiver for a track that the client has offered, before its media arrives.
func (pub *Publication) expectMedia(o peer.OfferedTrack) {
	if c := pub.codecOf(o.Format.MimeType, o.CID); c != nil {
		c.createReceiver(o.Format, o.CID, o.Section)
	}
}

// addMedia adds a stream to the codec that it belongs to. It reports whether it has created a Receiver for that codec.
func (pub *Publication) addMedia(s incomingStream) bool {
	info := s.Info()
	pub.correctCodec(info.Format, s.section)
	c := pub.codecOf(info.MimeType, info.ID)
	if c == nil {
		pub.owner.log.Debug("media in a codec that was not announced", "track", pub.info.Sid, "codec", info.MimeType)
		return false
	}
	isNew := c.receiver == nil
	if isNew {
		c.createReceiver(info.Format, info.ID, s.section)
	}
	c.addStream(s)
	return isNew
}

// correctCodec checks media that has arrived in the format f on a section. If another codec was expected there, it
// drops the expected codec. Then it also ends all subscriptions, because they were negotiated for that codec.
func (pub *Publication) correctCodec(f sfu.Format, section peer.MediaSection) {
	i := slices.IndexFunc(pub.codecs, func(c *publishedCodec) bool { return c.section == section && c.expected() })
	if i < 0 {
		return
	}
	c := pub.codecs[i]
	if strings.EqualFold(c.info.MimeType, f.MimeType) && sfu.SameProfile(c.fmtp, f.Parameters) {
		return
	}
	pub.unsubscribeAll()
	c.stop()
}

// unsubscribeAll ends all subscriptions to the track.
func (pub *Publication) unsubscribeAll() {
	for _, s := range slices.Clone(pub.subs) {
		s.end()
	}
}

// codecOf returns the track's codec with this MIME type. If there is none, the client may be sending another codec
// than it announced. codecOf then returns a codec that has no Receiver yet: the one with the client ID cid, or else
// the primary codec. If neither is available, it returns nil.
func (pub *Publication) codecOf(mime, cid string) *publishedCodec {
	for _, match := range []func(*publishedCodec) bool{
		func(c *publishedCodec) bool { return strings.EqualFold(c.info.MimeType, mime) },
		func(c *publishedCodec) bool { return c.receiver == nil && c.info.Cid == cid },
		func(c *publishedCodec) bool { return c.receiver == nil && c == pub.codecs[0] },
	} {
		if i := slices.IndexFunc(pub.codecs, match); i >= 0 {
			return pub.codecs[i]
		}
	}
	return nil
}

// copyPrimary copies the properties of the primary codec to the track's own description.
func (pub *Publication) copyPrimary() {
	primary := pub.codecs[0].info
	pub.info.MimeType, pub.info.Mid = primary.MimeType, primary.Mid
	pub.cids = cidsOf(pub.cids[0], pub.info)
}

// cidsOf returns the IDs by which a client's SDP may name the track, the ID of the announcement first.
func cidsOf(announced string, info *livekit.TrackInfo) []string {
	cids := []string{announced}
	for _, c := range info.Codecs {
		for _, cid := range []string{c.Cid, c.SdpCid} {
			if cid != "" && !slices.Contains(cids, cid) {
				cids = append(cids, cid)
			}
		}
	}
	return cids
}

// usesSection reports whether the track, in any of its codecs, arrives or is expected on that media section.
func (pub *Publication) usesSection(section peer.MediaSection) bool {
	return slices.ContainsFunc(pub.codecs, func(c *publishedCodec) bool { return c.section == section })
}

// hasNoMedia reports whether no media of the track is arriving.
func (pub *Publication) hasNoMedia() bool {
	return !slices.ContainsFunc(pub.codecs, func(c *publishedCodec) bool { return c.streams > 0 })
}

// receivers returns the Receivers of the codecs that have one.
func (pub *Publication) receivers() []*sfu.Receiver {
	var all []*sfu.Receiver
	for _, c := range pub.codecs {
		if c.receiver != nil {
			all = append(all, c.receiver)
		}
	}
	return all
}

// stats returns the sum of the counters of all codecs.
func (pub *Publication) stats() sfu.Stats {
	var sum sfu.Stats
	for _, r := range pub.receivers() {
		s := r.Stats()
		sum.Packets += s.Packets
		sum.Bytes += s.Bytes
		sum.Lost += s.Lost
		sum.Malformed += s.Malformed
	}
	return sum
}

// level returns the track's audio level since the last call, 0 to 1 (see sfu.AudioLevel.Read).
func (pub *Publication) level() float32 {
	var level float32
	for _, r := range pub.receivers() {
		level = max(level, r.Level.Read())
	}
	return level
}

// setMuted mutes or unmutes the track. The caller announces the change.
func (pub *Publication) setMuted(muted bool) {
	pub.info.Muted = muted
	for _, r := range pub.receivers() {
		r.SetMuted(muted)
		if !muted && pub.info.Type == livekit.TrackType_VIDEO {
			r.RequestKeyFrames()
		}
	}
	if !muted {
		pub.resendDemand() // clients start all layers of an unmuted track
	}
}

// unpublish ends the track and closes its Receivers. The caller announces the change.
func (r *Room) unpublish(pub *Publication) {
	if pub.closed {
		return
	}
	r.detachPublication(pub)
	pub.owner.publishing.offered = slices.DeleteFunc(pub.owner.publishing.offered, func(o peer.OfferedTrack) bool { return slices.Contains(pub.cids, o.CID) })
	for _, c := range pub.codecs {
		c.stop()
	}
}

// detachPublication ends all subscriptions to the track and removes it from the room, but does not close its Receivers.
func (r *Room) detachPublication(pub *Publication) {
	pub.closed = true
	if pub.lowerTimer != nil {
		pub.lowerTimer.Stop()
	}
	p := pub.owner
	delete(p.publishing.publications, pub.info.Sid)
	pub.unsubscribeAll()
	r.removePublication(pub)
	r.emit(Event{Kind: TrackUnpublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
}
