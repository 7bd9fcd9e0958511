package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// This file decides which of a track's codecs each subscriber plays (livekit-protocol.md, 3.3 and 12.9).

// regressionThreshold is how many participants a room may have, less one, for a publisher to leave its better codec for
// the sake of one who cannot decode it: with more, a second encoding is worth its cost. The reference server's number.
const regressionThreshold = 5

// chooseCodecs brings what everybody plays in line with what their clients take and what the publisher sends.
func (pub *Publication) chooseCodecs() {
	if len(pub.codecs) < 2 {
		return
	}
	pub.regressed = pub.regresses()
	for _, s := range slices.Clone(pub.subs) {
		s.choose()
	}
}

// regresses tells whether the publisher is to send only the backup. It goes on as long as anybody needs that: a room
// whose size varies must not make it change back and forth.
func (pub *Publication) regresses() bool {
	primary, backups := pub.codecs[0], pub.codecs[1:]
	needed := slices.ContainsFunc(pub.subs, func(s *Subscription) bool {
		return s.settled && !s.takes(primary) && slices.ContainsFunc(backups, s.takes)
	})
	switch pub.info.BackupCodecPolicy {
	case livekit.BackupCodecPolicy_SIMULCAST:
		return false
	case livekit.BackupCodecPolicy_REGRESSION:
		return needed
	}
	return needed && (pub.regressed || pub.owner.room.headCount() < regressionThreshold)
}

// preferred lists the codecs in the order in which a subscriber is to get them.
func (pub *Publication) preferred() []*publishedCodec {
	if !pub.regressed {
		return pub.codecs
	}
	return append(slices.Clone(pub.codecs[1:]), pub.codecs[0])
}

// mimes lists what a subscriber's section is to offer, the primary first. A codec everybody has comes last, though the
// track is not in it: pion does not get over a section that is rejected because it offers nothing the client takes.
func (pub *Publication) mimes() []string {
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

// choose decides which codec s is to play: the first its client takes. Until that comes it goes on with what it has, or
// with any it takes. Without one in the list its codec is nil.
func (s *Subscription) choose() {
	order := s.pub.preferred()
	if !s.settled {
		s.codec = order[0] // most take it
		return
	}
	s.codec = nil
	for _, c := range order {
		if s.takes(c) {
			s.codec = c
			break
		}
	}
	next := s.codec
	if next == nil || next.receiver == nil {
		if s.plays != nil {
			return
		}
		i := slices.IndexFunc(order, func(c *publishedCodec) bool { return c.receiver != nil && s.takes(c) })
		if i < 0 {
			return
		}
		next = order[i]
	}
	if next != s.plays {
		s.play(next)
	}
}

// play changes to c. Clients that cannot follow a change within a track get it as a new one.
func (s *Subscription) play(c *publishedCodec) {
	p := s.subscriber
	if s.started && !p.req.changesCodec() {
		p.unsubscribe(s)
		p.subscribe(s.pub)
		return
	}
	if s.down.Feed(c.receiver, c.fmtp) {
		s.plays = c
		s.start()
	}
}

func (s *Subscription) takes(c *publishedCodec) bool { return s.down.Takes(c.info.MimeType) }
