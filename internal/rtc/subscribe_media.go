package rtc

import (
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// This file starts subscriptions: it creates the DownTrack, binds it to a media section of the client's connection, and
// starts it.

// newDownTrack creates the DownTrack of s. Until the negotiation shows which codecs the client can decode, the
// DownTrack reads the Receiver of the first available codec in codecOrder, which most clients can decode.
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

// advance handles the event e: it changes the state of s and carries out the action that the event requires.
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

// onBound is called on the loop after a negotiation with the client. A non-nil err means that the client did not accept
// the codec of the current Receiver.
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
	p.room.dirtyDemand[s.pub] = true // the publisher may have to send another codec for this subscriber
	if p.conn.single && p.conn.publisher.connected {
		// The answer was sent only now. The client discards media that arrives before the answer. If that includes the
		// key frame, the client cannot decode the frames that follow.
		p.room.after(answerGrace, func() { s.advance(clientReady) })
		return
	}
	s.advance(clientReady)
}

// answerGrace is the delay between sending the answer and starting media, in which the client applies the answer.
const answerGrace = 100 * time.Millisecond

// refuse ends the subscription. It sends the client an error: the client can decode none of the track's codecs.
func (s *Subscription) refuse() {
	p, sid := s.subscriber, s.pub.info.Sid
	p.subscribing.choices[sid] = false
	p.subscribing.sendSubscriptionError(sid, livekit.SubscriptionError_SE_CODEC_UNSUPPORTED)
	s.end()
}

// tryStart starts media if the connection is up and one of the codecs that the client can decode has a Receiver.
func (s *Subscription) tryStart() {
	if s.state == subscriptionReady && s.currentCodec != nil && s.subscriber.conn.receivingTransport().connected {
		s.advance(mediaReady)
	}
}

// start starts the DownTrack. If s is the first subscription of a visible participant to the track, start also informs
// the publisher.
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

// Some clients report a track to the application only after the track's first packet. For them, a padding packet is
// sent after each wakeupInterval until the publisher sends media. At most wakeupTries packets are sent, which takes 5 s
// (docs/protocol.md, 12.7).
const (
	wakeupInterval = 100 * time.Millisecond
	wakeupTries    = 50
)

// sendWakeups sends up to tries padding packets, each after wakeupInterval. It stops when media has been sent.
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

// requestKeyFrame requests a key frame from the publisher if media is being sent to the subscriber.
func (s *Subscription) requestKeyFrame() {
	if s.state == subscriptionPlaying && s.currentCodec != nil {
		s.currentCodec.receiver.RequestKeyFrames()
	}
}
