package rtc

import (
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// This file starts subscriptions: it makes the DownTrack, binds it to a media section of the client's connection, and
// starts it.

// listen makes the DownTrack. It is fed in the codec that most clients take until it is known which ones this client
// takes.
func (s *Subscription) newDownTrack(t *Transport) {
	p, pub := s.subscriber, s.pub
	for _, c := range pub.codecOrder() {
		if s.targetCodec == nil {
			s.targetCodec = c
		}
		if s.currentCodec == nil && c.receiver != nil {
			s.currentCodec = c
		}
	}
	var trailer []byte
	encrypted := pub.info.Encryption != livekit.Encryption_NONE
	if encrypted {
		trailer = p.subscribing.sifTrailer
	}
	s.down = sfu.NewDownTrack(s.currentCodec.receiver, sfu.DownTrackOptions{
		ID: trackID(p, pub), StreamID: streamID(p, pub), Fmtp: s.currentCodec.fmtp, Tap: t.Tap, Trailer: trailer, Encrypted: encrypted,
		PlayoutDelay: p.room.playoutDelay,
		CutTrailer:   len(pub.info.PacketTrailerFeatures) > 0 && !slices.Contains(p.info.Capabilities, livekit.ClientInfo_CAP_PACKET_TRAILER),
		OnBound:      func(err error) { p.room.loop.Post(func() { s.onBound(err) }) },
	})
}

// advance brings s to its state after an event and has the event's effect.
func (s *Subscription) advance(e subscriptionEvent) {
	var effect subscriptionEffect
	s.state, effect = s.state.next(e)
	switch effect {
	case refuseTrack:
		s.refuse()
	case tryStart:
		s.tryStart()
	case startMedia:
		s.start()
	case stopMedia:
		s.down.Stop()
	}
}

// onBound notes that the connection has negotiated. An error means that it does not carry the codec in which the track is
// fed.
func (s *Subscription) onBound(err error) {
	p := s.subscriber
	if s.state == subscriptionEnded {
		return
	}
	s.advance(connectionNegotiated)
	if err != nil {
		s.currentCodec = nil
	}
	s.chooseCodec()
	if s.targetCodec == nil {
		s.advance(codecsRefused)
		return
	}
	delete(p.subscribing.awaited, s.pub.info.Sid)
	p.room.dirtyDemand[s.pub] = true // the publisher may have to send another codec for it
	if p.conn.single && p.conn.publisher.connected {
		// The answer has only just been sent. Media that overtakes it is thrown away by the client, and with it the
		// key frame everything after depends on.
		p.room.after(answerGrace, func() { s.advance(clientReady) })
		return
	}
	s.advance(clientReady)
}

// answerGrace is how much later than the answer media follows, so that the client has applied the answer by then.
const answerGrace = 100 * time.Millisecond

// refuse tells the client that it takes none of the track's codecs.
func (s *Subscription) refuse() {
	p, sid := s.subscriber, s.pub.info.Sid
	p.subscribing.choices[sid] = false
	p.subscribing.sendSubscriptionError(sid, livekit.SubscriptionError_SE_CODEC_UNSUPPORTED)
	s.end()
}

// tryStart lets media flow if the connection works and there is a codec that the client takes.
func (s *Subscription) tryStart() {
	if s.state == subscriptionReady && s.currentCodec != nil && s.subscriber.conn.receivingTransport().connected {
		s.advance(mediaReady)
	}
}

func (s *Subscription) start() {
	s.down.Start()
	if s.subscriber.quirks.needsFirstPacket {
		s.sendWakeups(wakeupTries)
	}
	if pub := s.pub; !pub.trackSubscribedSent && !s.subscriber.hidden() && pub.owner.quirks.allResponses {
		pub.trackSubscribedSent = true
		pub.owner.send(trackSubscribedMessage(pub.info.Sid))
	}
}

// A client that waits for the first packet of a track gets one of padding this often, for five seconds, until the
// publisher sends (docs/protocol.md, 12.7).
const (
	wakeupInterval = 100 * time.Millisecond
	wakeupTries    = 50
)

func (s *Subscription) sendWakeups(tries int) {
	p := s.subscriber
	if tries == 0 || s.state == subscriptionEnded {
		return
	}
	p.room.after(wakeupInterval, func() {
		if !p.closed && s.down.SendWakeupPadding() {
			s.sendWakeups(tries - 1)
		}
	})
}

func (s *Subscription) requestKeyFrame() {
	if s.state == subscriptionPlaying && s.currentCodec != nil {
		s.currentCodec.receiver.RequestKeyFrames()
	}
}
