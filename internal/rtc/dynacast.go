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

// This file decides which of a track's codecs each subscriber receives, and which codecs and layers the publisher has
// to send (docs/protocol.md, 3.3, 3.4 and 12.9).

// demandDelay is the time for which a layer is still requested after its last viewer has gone. A viewer that resizes or
// hides a window for a moment thus gets the layer back without waiting for the encoder.
const demandDelay = 5 * time.Second

// demandLevel is the highest quality (a livekit.VideoQuality) in which any subscriber or sink receives a codec, or
// noDemand.
type demandLevel int8

// noDemand means that no subscriber or sink receives the codec.
const noDemand demandLevel = -1

// demand returns the highest quality in which the codec is received: by subscribers, by other sinks, or in rooms to
// which the publisher is forwarded.
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

// demand returns the highest quality in which s wants a codec with these layers. It ignores the subscriber's
// bandwidth: a paused video can resume only if the publisher keeps sending it. Audio counts even if s has disabled
// it, because the server measures the audio level to show who speaks.
func (s *Subscription) demand(layers []*livekit.VideoLayer) demandLevel {
	if !s.enabled && s.pub.info.Type == livekit.TrackType_VIDEO {
		return noDemand
	}
	return qualityOf(s.wanted, layers)
}

// sinkDemand returns the highest quality of the codec that is taken by sinks other than subscribers, such as
// recorders. If the publisher is forwarded from another room, it returns noDemand, because the sinks count in the
// publisher's own room.
func (c *publishedCodec) sinkDemand(layers []*livekit.VideoLayer) demandLevel {
	if c.receiver == nil || c.pub.owner.forwarding.source != nil {
		return noDemand
	}
	return qualityOf(c.receiver.Demand(), layers)
}

// qualityOf returns the quality of the layer with the index layer. It returns noDemand for a negative index, and HIGH
// if layers is empty.
func qualityOf(layer int, layers []*livekit.VideoLayer) demandLevel {
	switch {
	case layer < 0:
		return noDemand
	case len(layers) == 0:
		return demandLevel(livekit.VideoQuality_HIGH)
	}
	return demandLevel(layers[min(layer, len(layers)-1)].Quality)
}

// demandChanged schedules an update of the demand. The Receiver calls it when sinks that are not subscribers have
// changed the layers that they take. It may be called from any goroutine.
func (c *publishedCodec) demandChanged() {
	c.pub.owner.onLoop(func(p *Participant) { p.room.dirtyDemand[c.latest().pub] = true })
}

// updateDemand sends the publisher a changed demand: more demand immediately, less demand after demandDelay. Nothing
// is sent for a muted track, which sends no media. If the publisher is forwarded from another room, the demand is
// sent to that room.
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

// dynamic reports whether the publisher is sent the demand for the track: true for video, and for audio in several
// codecs.
func (pub *Publication) dynamic() bool {
	return pub.info.Type == livekit.TrackType_VIDEO || len(pub.codecs) > 1
}

// resendDemand sends the publisher the current demand, even if that is less than the last demand sent.
func (pub *Publication) resendDemand() {
	for _, c := range pub.codecs {
		c.requested = c.demand()
	}
	pub.sendDemand()
}

// sendDemand sends the publisher the requested codecs and layers of the track (dynacast, docs/protocol.md, 3.4).
// Clients that support only one codec read the flat list SubscribedQualities.
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

// sendAudioDemand sends the publisher the requested codecs of an audio track.
func (pub *Publication) sendAudioDemand() {
	u := &livekit.SubscribedAudioCodecUpdate{TrackSid: pub.info.Sid}
	for _, c := range pub.codecs {
		u.SubscribedAudioCodecs = append(u.SubscribedAudioCodecs, &livekit.SubscribedAudioCodec{
			Codec: shortName(c.info.MimeType), Enabled: c.requested != noDemand,
		})
	}
	pub.owner.send(subscribedAudioCodecMessage(u))
}

// shortName returns the codec name in a MIME type, in lower case: "vp8" for "video/VP8".
func shortName(mime string) string {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
	return name
}

// sortedLayers returns at most sfu.MaxLayers layers of list, the lowest quality first.
func sortedLayers(list []*livekit.VideoLayer) []*livekit.VideoLayer {
	layers := slices.SortedFunc(slices.Values(list), func(a, b *livekit.VideoLayer) int { return int(a.Quality) - int(b.Quality) })
	return layers[:min(len(layers), sfu.MaxLayers)]
}

// regressionThreshold matters when a track has a primary and a backup codec and one participant cannot decode the
// primary. In a room with at least this number of participants, the publisher sends both codecs. In a smaller room it
// sends only the backup (LiveKit calls that regression). The number is that of the reference server.
const regressionThreshold = 5

// chooseCodecs chooses a codec for each subscriber: one that the subscriber's client can decode and the publisher
// sends.
func (pub *Publication) chooseCodecs() {
	if len(pub.codecs) < 2 {
		return
	}
	pub.backupOnly = pub.needsBackupOnly()
	for _, s := range slices.Clone(pub.subs) {
		s.chooseCodec()
	}
}

// needsBackupOnly reports whether the publisher should send only the backup codecs. Once it has returned true, it
// returns true as long as any subscriber needs a backup. Otherwise the publisher would switch back and forth in a
// room whose size varies.
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

// codecOrder returns the codecs in the order in which they are offered to a subscriber.
func (pub *Publication) codecOrder() []*publishedCodec {
	if !pub.backupOnly {
		return pub.codecs
	}
	return append(slices.Clone(pub.codecs[1:]), pub.codecs[0])
}

// offeredMimeTypes returns the codecs that a subscriber's media section offers, the primary codec first. The list
// always contains a codec that every client supports, even if the track is not sent in it. Otherwise a client that
// supports none of the track's codecs would reject the section, and pion cannot use a rejected section again.
func (pub *Publication) offeredMimeTypes() []string {
	var all []string
	for _, c := range pub.codecs {
		all = append(all, c.info.MimeType)
	}
	last := strings.ToLower(webrtc.MimeTypeVP8)
	if pub.info.Type == livekit.TrackType_AUDIO {
		last = strings.ToLower(webrtc.MimeTypeOpus)
	}
	if !slices.Contains(all, last) && !slices.Contains(all, peer.MimeTypeRED) { // Opus is offered together with RED
		all = append(all, last)
	}
	return all
}

// chooseCodec sets targetCodec to the first codec in codecOrder that the client can decode, or nil if there is none.
// While the target codec has no media, s continues with its current codec, or with any available codec that the client
// can decode.
func (s *Subscription) chooseCodec() {
	order := s.pub.codecOrder()
	if s.state == subscriptionNegotiating {
		s.targetCodec = order[0] // most clients support it
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

// switchCodec switches s to the codec c. A client that cannot follow a change of codec within a track gets c as a new
// track.
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

// canDecode reports whether the client has negotiated the codec c.
func (s *Subscription) canDecode(c *publishedCodec) bool { return s.down.CanDecode(c.info.MimeType) }
