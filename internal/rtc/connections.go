package rtc

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// connections holds the signalling connection and the one or two peer connections of one client.
type connections struct {
	p *Participant

	sink         SignalSink   // nil while the client has no signalling connection
	lastReceived atomic.Int64 // time of the client's last signalling message, in Unix nanoseconds

	single     bool       // one peer connection for both directions, on which the client makes the offers
	publisher  *Transport // receives the client's media; also sends if single is set. Created when first needed
	subscriber *Transport // sends media to the client; nil if single is set, and for a client that may not subscribe
	// subscriberFirst is set if the subscriber connection is the primary connection: it is created at the join, and the
	// server opens the data channels on it.
	subscriberFirst bool

	relayUser string // ID in Rooms.relayUsers; "" if the client has got no TURN servers
	uncount   func() // removes the participant from Rooms.participantCount; nil if it is not counted

	deadline *time.Timer // ends the time for the join, later the time for restoring a lost connection
}

// init sets the fields that follow from p's join request. It creates no peer connection.
func (cn *connections) init(p *Participant, sink SignalSink) {
	cn.p, cn.sink, cn.single = p, sink, p.req.SinglePC
	cn.subscriberFirst = !cn.single && p.req.Info.Permission.GetCanSubscribe()
}

// open creates the primary peer connection.
func (cn *connections) open() (err error) {
	if cn.subscriberFirst {
		cn.subscriber, err = cn.newTransport(livekit.SignalTarget_SUBSCRIBER)
	} else {
		// The publisher connection is the only one, so it will be needed.
		cn.publisher, err = cn.newTransport(livekit.SignalTarget_PUBLISHER)
	}
	return err
}

// transferTo moves the connections to dst, which belongs to the same participant in another room.
func (cn *connections) transferTo(dst *connections) {
	dst.lastReceived.Store(cn.lastReceived.Load())
	dst.sink, dst.publisher, dst.subscriber = cn.sink, cn.publisher, cn.subscriber
	dst.relayUser, cn.relayUser = cn.relayUser, ""
	dst.subscriberFirst = cn.subscriberFirst // permission to subscribe that was granted after the join does not change it
	dst.uncount = cn.uncount
	cn.sink, cn.publisher, cn.subscriber, cn.uncount = nil, nil, nil, nil
}

// Transport is one of a participant's peer connections, together with its state as seen by the room's loop.
type Transport struct {
	*peer.Transport
	connected   bool
	connectedAt time.Time // latest time the connection was established; zero if never
	path        peer.Path // path of the client when ICE was last started or restarted
}

// newTransport creates the client's peer connection for target.
func (cn *connections) newTransport(target livekit.SignalTarget) (*Transport, error) {
	t, err := cn.p.room.rooms.engine.NewTransport(cn.options(target), cn.hooks(target), cn.p.log)
	if err != nil {
		return nil, err
	}
	return &Transport{Transport: t, path: cn.path()}, nil
}

// options returns the options of the peer connection for target, which depend on the client.
func (cn *connections) options(target livekit.SignalTarget) peer.Options {
	p := cn.p
	return peer.Options{
		Publishes: target == livekit.SignalTarget_PUBLISHER, Subscribes: cn.single || target == livekit.SignalTarget_SUBSCRIBER,
		Loopback: p.req.Loopback, ServerIP: hostIP(p.req.Host), FullICE: p.req.FullICE || p.quirks.fullICE, ReusesSections: p.quirks.reusesSections,
		TCP: p.quirks.tcp, TCPOnly: cn.path() == peer.TCPOnly, ZeroChecksum: p.quirks.zeroChecksum, NeverPause: p.req.NeverPause,
		RED: p.quirks.red, NoAV1: !p.quirks.av1, PlayoutDelay: p.room.playoutDelay != (sfu.PlayoutDelay{}),
	}
}

// publisherTransport returns the connection on which the client makes the offers, or nil if creating it fails. The
// connection is created at its first use, because most of an audience never needs it.
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

// receivingTransport returns the transport on which the client receives media, or nil if there is none.
func (cn *connections) receivingTransport() *Transport {
	if cn.single {
		return cn.publisher
	}
	return cn.subscriber
}

// transports returns the transports that exist, at most two.
func (cn *connections) transports() []*Transport {
	return slices.DeleteFunc([]*Transport{cn.publisher, cn.subscriber}, func(t *Transport) bool { return t == nil })
}

// primaryTransport returns the transport whose connection state decides the participant's state.
func (cn *connections) primaryTransport() *Transport {
	if cn.subscriberFirst {
		return cn.subscriber
	}
	return cn.publisher
}

// disconnected reports whether the primary connection is down or does not exist. If nothing arrives on a connection
// any more, ICE reports it as down.
func (cn *connections) disconnected() bool {
	t := cn.primaryTransport()
	return t == nil || !t.connected
}

// openSubscriber creates the connection for a participant that joined without permission to subscribe and has now got
// it.
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

// hooks returns the callbacks of the Transport for target. All but DataChannel post their work to the room's loop.
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
			cn.p.data.handleChannel(dc) // message handlers must be set before the callback returns, or the first message is lost
		},
		PauseChanged: func(changed []sfu.PauseChange) { post(func(p *Participant) { p.subscribing.videoPaused(changed) }) },
		Failed:       func(err error) { post(func(p *Participant) { p.conn.negotiationFailed(err) }) },
	}
}

// closeSocket closes the client's signalling connection, if it has one.
func (cn *connections) closeSocket() {
	if cn.sink != nil {
		cn.sink.Close()
		cn.sink = nil
	}
}

// closeTransports closes the peer connections and waits until they have ended. The client's relays end within a
// minute. No peer connections may be created afterwards. closeTransports is called once.
func (cn *connections) closeTransports() {
	cn.p.cancel()
	for _, t := range cn.transports() {
		t.Close()
	}
	for _, t := range cn.transports() {
		t.Wait()
	}
	cn.p.room.rooms.relayUsers.remove(cn.relayUser)
	if cn.uncount != nil {
		cn.uncount()
	}
}

// hostIP returns the IP address that a client used to reach the server. It returns the zero address if host is a name. The
// server never resolves names that clients have chosen.
func hostIP(host string) netip.Addr {
	ip, _ := netip.ParseAddr(host) // zero on an error
	return ip
}
