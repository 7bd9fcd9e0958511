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
	cids   []string          // the client's ids of it; the first is the one it was announced with
	codecs []*publishedCodec // as the client listed them, the primary first
	subs   []*Subscription   // everybody who is subscribed

	mirrorDemands  map[*mirrorLink][]demandLevel // what is watched in other rooms, by codec
	reportedDemand []demandLevel                 // of a mirror: what the source's room was last told is watched here

	quality             trackScore  // of what arrives
	backupOnly          bool        // all subscribers that take the backup get it
	trackSubscribedSent bool        // the owner knows that somebody subscribed
	lowerTimer          *time.Timer // running while less is wanted than the owner was told
	closed              bool
}

// newPublication makes a publication of an announced track, without media.
func newPublication(p *Participant, t *pendingTrack) *Publication {
	pub := &Publication{owner: p, info: t.info, cids: t.cids}
	if len(pub.info.Codecs) == 0 {
		pub.info.Codecs = []*livekit.SimulcastCodecInfo{{Cid: pub.cids[0], Layers: pub.info.Layers}}
	}
	pub.addListedCodecs()
	pub.codecs[0].requested = demandLevel(livekit.VideoQuality_HIGH) // clients send all layers until told otherwise
	return pub
}

// addListedCodecs adds the codecs that the track's list has gained.
func (pub *Publication) addListedCodecs() {
	for _, info := range pub.info.Codecs[len(pub.codecs):] {
		pub.codecs = append(pub.codecs, &publishedCodec{pub: pub, info: info, requested: noDemand})
	}
	pub.cids = cidsOf(pub.cids[0], pub.info)
}

// publish makes a track public whose media has begun, or is to come in a known codec.
func (r *Room) publish(pub *Publication) {
	p := pub.owner
	p.publishing.publications[pub.info.Sid] = pub
	p.setPublisher(true)
	r.announce(p, true)
	r.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
	p.log.Debug("track published", "track", pub.info.Sid, "codec", pub.info.MimeType)
	r.addPublication(pub)
	r.reconcileSubscribers(pub)
	r.dirtyDemand[pub] = true // perhaps by nobody
}

// expect makes the Receiver of media that is to come.
func (pub *Publication) expectMedia(o peer.OfferedTrack) {
	if c := pub.codecOf(o.Format.MimeType, o.CID); c != nil {
		c.createReceiver(o.Format, o.CID, o.Section)
	}
}

// addMedia takes a stream that belongs to the track, and reports whether that brought a codec which was not there.
func (pub *Publication) addMedia(s incomingStream) bool {
	info := s.Info()
	pub.correctCodec(info.Format, s.section)
	c := pub.codecOf(info.MimeType, info.ID)
	if c == nil {
		pub.owner.log.Debug("media in a codec that was not announced", "track", pub.info.Sid, "codec", info.MimeType)
		return false
	}
	begins := c.receiver == nil
	if begins {
		c.createReceiver(info.Format, info.ID, s.section)
	}
	c.addStream(s)
	return begins
}

// correctCodec drops a codec that was expected on a section where media comes in another codec. All subscriptions end,
// because they were negotiated for the wrong codec.
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

func (pub *Publication) unsubscribeAll() {
	for _, s := range slices.Clone(pub.subs) {
		s.end()
	}
}

// codecOf finds a codec of the track by its name, else by the client's ID of it, because a client may send another codec
// than it announced.
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

// note copies what describes the primary codec to the track's own description.
func (pub *Publication) copyPrimary() {
	primary := pub.codecs[0].info
	pub.info.MimeType, pub.info.Mid = primary.MimeType, primary.Mid
	pub.cids = cidsOf(pub.cids[0], pub.info)
}

// cidsOf lists the ids by which a client's SDP may name the track, that of its announcement first.
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

// usesSection reports whether a codec of the track comes on that media section.
func (pub *Publication) usesSection(section peer.MediaSection) bool {
	return slices.ContainsFunc(pub.codecs, func(c *publishedCodec) bool { return c.section == section })
}

// silent reports whether no media of the track has come.
func (pub *Publication) hasNoMedia() bool {
	return !slices.ContainsFunc(pub.codecs, func(c *publishedCodec) bool { return c.streams > 0 })
}

// receivers returns the Receivers of the codecs that come.
func (pub *Publication) receivers() []*sfu.Receiver {
	var all []*sfu.Receiver
	for _, c := range pub.codecs {
		if c.receiver != nil {
			all = append(all, c.receiver)
		}
	}
	return all
}

// stats sums the counters of all codecs.
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

// level returns the loudness of the track since the last call, as sfu.AudioLevel.Read does.
func (pub *Publication) level() float32 {
	var level float32
	for _, r := range pub.receivers() {
		level = max(level, r.Level.Read())
	}
	return level
}

func (pub *Publication) setMuted(muted bool) {
	pub.info.Muted = muted
	for _, r := range pub.receivers() {
		r.SetMuted(muted)
		if !muted && pub.info.Type == livekit.TrackType_VIDEO {
			r.RequestKeyFrames()
		}
	}
	if !muted {
		pub.resendDemand() // an unmuted track begins with all its layers
	}
}

// unpublish ends the track. The caller announces it.
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

// withdraw ends all subscriptions to the track and removes it from the room.
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
