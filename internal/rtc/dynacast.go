package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// This file decides which of a track's codecs each subscriber plays, and which codecs and layers its publisher has to
// send (docs/protocol.md, 3.3, 3.4 and 12.9).

// demandDelay is how long a layer is still requested that nobody watches: a viewer that resizes or hides a window for a
// moment gets the layer back without waiting for the encoder.
const demandDelay = 5 * time.Second

// watched is the highest quality of a codec that somebody watches, or noDemand.
type demandLevel int8

const noDemand demandLevel = -1

// demand returns how much of the codec is watched.
func (c *publishedCodec) demand() demandLevel {
	layers := sortedLayers(c.layers())
	top := max(c.mirrorDemand(), c.sinkDemand(layers))
	for _, s := range c.pub.subs {
		if s.targetCodec == c || s.currentCodec == c {
			top = max(top, s.demand(layers))
		}
	}
	return top
}

// demand returns how much of a codec with those layers s watches. Bandwidth does not matter: a paused video resumes when
// its layers fit, so they have to come. Audio counts even while s has disabled it, because its levels show who speaks.
func (s *Subscription) demand(layers []*livekit.VideoLayer) demandLevel {
	if !s.enabled && s.pub.info.Type == livekit.TrackType_VIDEO {
		return noDemand
	}
	return qualityOf(s.wanted, layers)
}

// sinkDemand returns how much of a codec with those layers recorders take, and other sinks that are not subscribers. For
// a mirror it is noDemand: the sinks of its Receiver count in the source's room.
func (c *publishedCodec) sinkDemand(layers []*livekit.VideoLayer) demandLevel {
	if c.receiver == nil || c.pub.owner.forwarding.source != nil {
		return noDemand
	}
	return qualityOf(c.receiver.Demand(), layers)
}

// qualityOf returns the quality of a layer by its index, noDemand for -1.
func qualityOf(layer int, layers []*livekit.VideoLayer) demandLevel {
	switch {
	case layer < 0:
		return noDemand
	case len(layers) == 0:
		return demandLevel(livekit.VideoQuality_HIGH)
	}
	return demandLevel(layers[min(layer, len(layers)-1)].Quality)
}

// demandChanged notes that recorders, or other sinks that are not subscribers, take more or less of the codec. It may be
// called from anywhere.
func (c *publishedCodec) demandChanged() {
	c.pub.owner.onLoop(func(p *Participant) { p.room.dirtyDemand[c.latest().pub] = true })
}

// updateDemand tells the publisher of a change in what is watched: of more at once, of less after a while. A muted track
// sends nothing anyway.
func (pub *Publication) updateDemand() {
	if pub.closed {
		return
	}
	pub.chooseCodecs()
	if f := pub.owner.forwarding.source; f != nil {
		f.reportDemand(pub)
		return
	}
	if pub.info.Muted || !pub.dynamic() {
		return
	}
	more, less := false, false
	for _, c := range pub.codecs {
		now := c.demand()
		more, less = more || now > c.requested, less || now < c.requested
		c.requested = max(c.requested, now)
	}
	if more {
		pub.sendDemand()
	}
	switch {
	case !less && pub.lowerTimer != nil:
		pub.lowerTimer.Stop()
		pub.lowerTimer = nil
	case less && pub.lowerTimer == nil:
		pub.lowerTimer = pub.owner.room.after(demandDelay, func() {
			pub.lowerTimer = nil
			if !pub.closed && !pub.info.Muted {
				pub.resendDemand()
			}
		})
	}
}

// dynamic reports whether the publisher learns which layers and codecs are watched: of video, and of audio in several
// codecs.
func (pub *Publication) dynamic() bool {
	return pub.info.Type == livekit.TrackType_VIDEO || len(pub.codecs) > 1
}

// resendDemand tells the publisher what is watched now.
func (pub *Publication) resendDemand() {
	for _, c := range pub.codecs {
		c.requested = c.demand()
	}
	pub.sendDemand()
}

// sendDemand tells the publisher which codecs and layers of the track are watched (dynacast, docs/protocol.md, 3.4).
// Clients that know one codec only read the flat list.
func (pub *Publication) sendDemand() {
	if !pub.dynamic() {
		return
	}
	if pub.info.Type == livekit.TrackType_AUDIO {
		pub.sendAudioDemand()
		return
	}
	u := &livekit.SubscribedQualityUpdate{TrackSid: pub.info.Sid}
	for _, c := range pub.codecs {
		codec := &livekit.SubscribedCodec{Codec: shortName(c.info.MimeType)}
		for q := livekit.VideoQuality_LOW; q <= livekit.VideoQuality_HIGH; q++ {
			codec.Qualities = append(codec.Qualities, &livekit.SubscribedQuality{Quality: q, Enabled: demandLevel(q) <= c.requested})
		}
		u.SubscribedCodecs = append(u.SubscribedCodecs, codec)
	}
	u.SubscribedQualities = u.SubscribedCodecs[0].Qualities
	pub.owner.send(subscribedQualityMessage(u))
}

func (pub *Publication) sendAudioDemand() {
	u := &livekit.SubscribedAudioCodecUpdate{TrackSid: pub.info.Sid}
	for _, c := range pub.codecs {
		u.SubscribedAudioCodecs = append(u.SubscribedAudioCodecs, &livekit.SubscribedAudioCodec{
			Codec: shortName(c.info.MimeType), Enabled: c.requested != noDemand,
		})
	}
	pub.owner.send(subscribedAudioCodecMessage(u))
}

// shortName returns a MIME type's codec in lower case, without the kind.
func shortName(mime string) string {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
	return name
}

// sortedLayers returns the layers, the smallest first.
func sortedLayers(list []*livekit.VideoLayer) []*livekit.VideoLayer {
	layers := slices.SortedFunc(slices.Values(list), func(a, b *livekit.VideoLayer) int { return int(a.Quality) - int(b.Quality) })
	return layers[:min(len(layers), sfu.MaxLayers)]
}

// regressionThreshold is how many participants a room must have for its publishers to send a second codec for the sake of
// one that cannot decode the first: with fewer, the publisher changes to the backup alone. It is the reference server's
// number.
const regressionThreshold = 5

// chooseCodecs brings the codecs that subscribers play in line with what their clients take and what the publisher sends.
func (pub *Publication) chooseCodecs() {
	if len(pub.codecs) < 2 {
		return
	}
	pub.backupOnly = pub.needsBackupOnly()
	for _, s := range slices.Clone(pub.subs) {
		s.chooseCodec()
	}
}

// needsBackupOnly reports whether the publisher is to send only the backup. That stays so as long as anybody needs the backup:
// a room whose size varies must not make the publisher change back and forth.
func (pub *Publication) needsBackupOnly() bool {
	primary, backups := pub.codecs[0], pub.codecs[1:]
	needed := slices.ContainsFunc(pub.subs, func(s *Subscription) bool {
		return s.state != subscriptionNegotiating && !s.canDecode(primary) && slices.ContainsFunc(backups, s.canDecode)
	})
	switch pub.info.BackupCodecPolicy {
	case livekit.BackupCodecPolicy_SIMULCAST:
		return false
	case livekit.BackupCodecPolicy_REGRESSION:
		return needed
	}
	return needed && (pub.backupOnly || pub.owner.room.headCount() < regressionThreshold)
}

// codecOrder lists the codecs in the order in which a subscriber is to get them.
func (pub *Publication) codecOrder() []*publishedCodec {
	if !pub.backupOnly {
		return pub.codecs
	}
	return append(slices.Clone(pub.codecs[1:]), pub.codecs[0])
}

// mimes lists the codecs that a subscriber's media section offers, the primary first. A codec that every client has comes
// last, even if the track is not in it: pion does not recover from a section that is rejected because it offers nothing
// the client takes.
func (pub *Publication) offeredMimeTypes() []string {
	var all []string
	for _, c := range pub.codecs {
		all = append(all, c.info.MimeType)
	}
	last := strings.ToLower(webrtc.MimeTypeVP8)
	if pub.info.Type == livekit.TrackType_AUDIO {
		last = strings.ToLower(webrtc.MimeTypeOpus)
	}
	if !slices.Contains(all, last) && !slices.Contains(all, peer.MimeTypeRED) { // RED brings Opus with it
		all = append(all, last)
	}
	return all
}

// choose decides which codec s is to play: the first that its client takes. Until that codec comes, s goes on with the
// one it plays, or with any that its client takes. If the client takes none, the codec is nil.
func (s *Subscription) chooseCodec() {
	order := s.pub.codecOrder()
	if s.state == subscriptionNegotiating {
		s.targetCodec = order[0] // most clients take it
		return
	}
	s.targetCodec = nil
	for _, c := range order {
		if s.canDecode(c) {
			s.targetCodec = c
			break
		}
	}
	next := s.targetCodec
	if next == nil || next.receiver == nil {
		if s.currentCodec != nil {
			return
		}
		i := slices.IndexFunc(order, func(c *publishedCodec) bool { return c.receiver != nil && s.canDecode(c) })
		if i < 0 {
			return
		}
		next = order[i]
	}
	if next != s.currentCodec {
		s.switchCodec(next)
	}
}

// play changes to c. A client that cannot follow a change of codec within a track gets it as a new track.
func (s *Subscription) switchCodec(c *publishedCodec) {
	p := s.subscriber
	if s.state == subscriptionPlaying && p.quirks.fixedReceiveCodec {
		s.end()
		p.subscribing.subscribe(s.pub)
		return
	}
	if s.down.SwitchReceiver(c.receiver, c.fmtp) {
		s.currentCodec = c
		s.tryStart()
	}
}

func (s *Subscription) canDecode(c *publishedCodec) bool { return s.down.CanDecode(c.info.MimeType) }
