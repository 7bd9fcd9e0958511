package rtc

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// connections are one client's signalling connection and its one or two peer connections.
type connections struct {
	p *Participant

	sink         SignalSink   // nil while the client has no signalling connection
	lastReceived atomic.Int64 // when the client last said something on it, in Unix nanoseconds

	single     bool       // there is one peer connection, on which the client makes the offers
	publisher  *Transport // what the client sends; in single mode also what it receives. Made when first needed
	subscriber *Transport // what it receives; nil in single mode and for a client that may not subscribe
	// subscriberFirst is set when the subscriber connection is the primary one: it was there from the start, so the data
	// channels are on it.
	subscriberFirst bool

	deadline *time.Timer // of the join, later of a lost connection
}

func (cn *connections) init(p *Participant, sink SignalSink) {
	cn.p, cn.sink, cn.single = p, sink, p.req.SinglePC
	cn.subscriberFirst = !cn.single && p.req.Info.Permission.GetCanSubscribe()
}

// open makes the primary peer connection.
func (cn *connections) open() (err error) {
	if cn.subscriberFirst {
		cn.subscriber, err = cn.newTransport(livekit.SignalTarget_SUBSCRIBER)
	} else {
		// The client's own connection is the only one: it will be needed.
		cn.publisher, err = cn.newTransport(livekit.SignalTarget_PUBLISHER)
	}
	return err
}

// transferTo passes the connections on to a participant of another room.
func (cn *connections) transferTo(to *connections) {
	to.lastReceived.Store(cn.lastReceived.Load())
	to.sink, to.publisher, to.subscriber = cn.sink, cn.publisher, cn.subscriber
	to.subscriberFirst = cn.subscriberFirst // a right to subscribe that was granted since the join does not change it
	cn.sink, cn.publisher, cn.subscriber = nil, nil, nil
}

// Transport is one of a participant's peer connections, with its state as the room's loop knows it.
type Transport struct {
	*peer.Transport
	connected   bool
	connectedAt time.Time // latest; zero: never
}

// newTransport makes one of the client's peer connections.
func (cn *connections) newTransport(target livekit.SignalTarget) (*Transport, error) {
	t, err := cn.p.room.rooms.engine.NewTransport(cn.options(target), cn.hooks(target), cn.p.log)
	if err != nil {
		return nil, err
	}
	return &Transport{Transport: t}, nil
}

// options returns what differs for this client.
func (cn *connections) options(target livekit.SignalTarget) peer.Options {
	p := cn.p
	return peer.Options{
		Publishes: target == livekit.SignalTarget_PUBLISHER, Subscribes: cn.single || target == livekit.SignalTarget_SUBSCRIBER,
		Loopback: p.req.Loopback, FullICE: p.req.FullICE || p.quirks.fullICE, ReusesSections: p.quirks.reusesSections,
		TCP: p.quirks.tcp, TCPOnly: cn.prefersTCP(), ZeroChecksum: p.quirks.zeroChecksum, NeverPause: p.req.NeverPause,
		RED: p.quirks.red, NoAV1: !p.quirks.av1, PlayoutDelay: p.room.playoutDelay != (sfu.PlayoutDelay{}),
	}
}

// publisherTransport returns the connection on which the client makes the offers. It is made at its first use, because
// most of an audience never needs one.
func (cn *connections) publisherTransport() *Transport {
	if cn.publisher == nil {
		t, err := cn.newTransport(livekit.SignalTarget_PUBLISHER)
		if err != nil {
			cn.negotiationFailed(err)
			return nil
		}
		cn.publisher = t
	}
	return cn.publisher
}

// receiving returns the transport on which the client receives media, nil if there is none.
func (cn *connections) receivingTransport() *Transport {
	if cn.single {
		return cn.publisher
	}
	return cn.subscriber
}

// transports lists the one or two transports that exist.
func (cn *connections) transports() []*Transport {
	return slices.DeleteFunc([]*Transport{cn.publisher, cn.subscriber}, func(t *Transport) bool { return t == nil })
}

// primary returns the transport whose state is the participant's.
func (cn *connections) primaryTransport() *Transport {
	if cn.subscriberFirst {
		return cn.subscriber
	}
	return cn.publisher
}

// lost reports whether ICE hears nothing of the client any more, or there is no connection.
func (cn *connections) disconnected() bool {
	t := cn.primaryTransport()
	return t == nil || !t.connected
}

// openSubscriber makes the connection of a participant that joined without the right to receive.
func (cn *connections) openSubscriber() {
	if cn.single {
		cn.publisherTransport()
		return
	}
	t, err := cn.newTransport(livekit.SignalTarget_SUBSCRIBER)
	if err != nil {
		cn.negotiationFailed(err)
		return
	}
	cn.subscriber = t
}

// hooks returns the callbacks of a Transport, which run on the room's loop.
func (cn *connections) hooks(target livekit.SignalTarget) peer.Hooks {
	post := func(f func(*Participant)) {
		cn.p.onLoop(func(p *Participant) {
			if !p.closed {
				f(p)
			}
		})
	}
	sdp := func(wrap func(*livekit.SessionDescription) *livekit.SignalResponse) func(*livekit.SessionDescription) {
		return func(d *livekit.SessionDescription) {
			for mid, id := range d.MidToTrackId {
				d.MidToTrackId[mid] = sidOf(id)
			}
			post(func(p *Participant) { p.send(wrap(d)) })
		}
	}
	return peer.Hooks{
		Offer:  sdp(offerMessage),
		Answer: sdp(answerMessage),
		NeedSections: func(audio, video uint32) {
			post(func(p *Participant) { p.send(mediaSectionsMessage(audio, video)) })
		},
		OfferedTracks: func(tracks []peer.OfferedTrack) {
			post(func(p *Participant) { p.publishing.offeredTracksChanged(tracks) })
		},
		StateChanged: func(s webrtc.PeerConnectionState) { post(func(p *Participant) { p.conn.stateChanged(target, s) }) },
		TrackStarted: func(source sfu.TrackSource, section peer.MediaSection) {
			post(func(p *Participant) { p.publishing.mediaArrived(incomingStream{source, section}) })
		},
		DataChannel: func(dc *webrtc.DataChannel) {
			cn.p.data.handleChannel(dc) // handlers must be set before the callback returns, or the first message is lost
		},
		PauseChanged: func(changed []sfu.PauseChange) { post(func(p *Participant) { p.subscribing.videoPaused(changed) }) },
		Failed:       func(err error) { post(func(p *Participant) { p.conn.negotiationFailed(err) }) },
	}
}

// closeSocket closes the client's socket, if it has one.
func (cn *connections) closeSocket() {
	if cn.sink != nil {
		cn.sink.Close()
		cn.sink = nil
	}
}

// closeTransports closes the connections and waits until they have ended. No new ones may be made after it has been
// called.
func (cn *connections) closeTransports() {
	cn.p.cancel()
	for _, t := range cn.transports() {
		t.Close()
	}
	for _, t := range cn.transports() {
		t.Wait()
	}
}
