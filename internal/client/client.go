package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// ErrClosed is returned by a call that has to wait for something, if the client was closed before or is closed
// meanwhile.
var ErrClosed = errors.New("the client is closed")

// Options are the settings of a client. With the zero value, a client uses two peer connections, subscribes to all
// tracks, and resumes only when Resume is called.
type Options struct {
	SinglePC        bool // use one peer connection, with the endpoint /rtc/v1
	NoAutoSubscribe bool // subscribe only to tracks chosen with SetSubscribed
	AdaptiveStream  bool // announce that UpdateTrackSettings will be used
	AutoResume      bool // resume automatically after the signalling socket is lost
	JSON            bool // send signalling messages as JSON instead of protobuf
	HostOnly        bool // use host candidates only, not the server's STUN and TURN servers
	// Relay, if not "", makes the client use only a TURN relay, which it reaches over this transport: RelayUDP, RelayTCP or
	// RelayTLS.
	Relay          string
	NoInterceptors bool // send no RTCP reports, NACKs or transport feedback; for cheap load tests
	// UDPProxy, if valid, replaces the address of the server's UDP candidates, so that media passes through a proxy.
	// TCP candidates are dropped.
	UDPProxy netip.AddrPort
	Logger   *slog.Logger
	// ExcludeCodecs lists the MIME types of codecs that the client does not offer.
	ExcludeCodecs []string
	// ClientInfo is sent to the server, which treats some clients differently. If it is nil, the client describes
	// itself as a Go client.
	ClientInfo *livekit.ClientInfo

	// TLS, if not nil, verifies the server's certificate for signalling. TURN over TLS always uses the system's authorities.
	TLS *tls.Config
	// SettingEngine, if not nil, may change pion's settings before the first connection is created.
	SettingEngine func(*webrtc.SettingEngine)
	// OnSignal, if not nil, is called for each message of the server, in order, before the client handles it. It must
	// not block, and may call only Send and accessors.
	OnSignal func(*livekit.SignalResponse)
	// OnTrack, if not nil, is called on its own goroutine when the first packet of a track arrives. It usually reads
	// the track until an error; Close waits for it. If it is nil, the client reads and discards tracks.
	OnTrack func(*RemoteTrack)
	// OnData, if not nil, is called for each data packet, in order within each data channel. It must not block.
	OnData func(*livekit.DataPacket)
	// OnDataTrackPacket, if not nil, is called for each packet of a data track. The packet includes its header. The
	// callback must not block.
	OnDataTrackPacket func([]byte)
	// OnLeave, if not nil, is called when the server sends Leave. It must not block.
	OnLeave func(*livekit.LeaveRequest)
}

// Client is one participant's connection to a room. Its methods may be called from any goroutine.
type Client struct {
	opts   Options
	log    *slog.Logger
	server string

	// Join sets these fields before it starts any goroutine.
	api        *webrtc.API
	publisher  *transport
	subscriber *transport // nil with a single peer connection
	data       *dataChannels

	work sync.WaitGroup // goroutines of this package, and callbacks on pion's goroutines
	done chan struct{}  // closed when the session ends

	resuming sync.Mutex // held during a resume, so that there is one at a time

	mu           sync.Mutex
	changed      chan struct{} // closed and replaced whenever state below or in a transport has changed
	closed       bool
	err          error // why the session ended; nil until then
	sock         *socket
	lost         bool // the socket has ended and is not replaced yet
	autoResuming bool // autoResume is running
	token        string
	session      session
}

// Join joins the room that the token names. It returns when the primary transport is connected and its data channels
// are open. The server chooses the publisher's or the subscriber's transport as the primary one.
func Join(ctx context.Context, serverURL, token string, opts Options) (*Client, error) {
	c := &Client{
		opts: opts, server: serverURL, token: token, log: opts.Logger,
		done: make(chan struct{}), changed: make(chan struct{}), session: newSession(),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	err := c.join(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("join: %w", err), c.Close())
	}
	return c, nil
}

func (c *Client) join(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	var offer *livekit.SessionDescription
	if c.opts.SinglePC {
		var err error
		if offer, err = c.publisher.firstOffer(); err != nil {
			return err
		}
	}
	sock, first, err := c.open(ctx, offer, "")
	if err != nil {
		return err
	}
	join := first.GetJoin()
	if join == nil {
		sock.close()
		return unexpectedFirst(first)
	}
	c.update(func() { c.session.applyJoin(join) })
	if err := c.setICEServers(join.IceServers, join.ClientConfiguration); err != nil {
		sock.close()
		return err
	}
	c.attach(sock)
	if err := c.startNegotiation(join); err != nil {
		return err
	}
	if c.opts.AutoResume {
		return c.Until(ctx, c.joined)
	}
	return c.untilLost(ctx, c.joined)
}

// prepare creates the peer connections and the data channels. With a single peer connection, only the client makes
// offers. In this case prepare also adds three media sections for receiving audio and three for receiving video, as
// LiveKit's clients do.
func (c *Client) prepare() error {
	var err error
	if c.api, err = newWebRTCAPI(&c.opts); err != nil {
		return err
	}
	if c.publisher, err = c.connection(livekit.SignalTarget_PUBLISHER); err != nil {
		return err
	}
	if c.data, err = openDataChannels(c, c.publisher.pc); err != nil {
		return err
	}
	if !c.opts.SinglePC {
		c.subscriber, err = c.connection(livekit.SignalTarget_SUBSCRIBER)
		return err
	}
	if err := c.publisher.addReceivers(webrtc.RTPCodecTypeAudio, 3); err != nil {
		return err
	}
	return c.publisher.addReceivers(webrtc.RTPCodecTypeVideo, 3)
}

// connection creates the peer connection for a signalling target, which is either the publisher or the subscriber.
func (c *Client) connection(target livekit.SignalTarget) (*transport, error) {
	t, err := newTransport(c.api, target, c.opts.UDPProxy, c.Send)
	if err != nil {
		return nil, err
	}
	if c.opts.Relay != "" { // Pion ignores a policy that is set after the first offer
		policy := webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle, ICETransportPolicy: webrtc.ICETransportPolicyRelay}
		if err := t.pc.SetConfiguration(policy); err != nil {
			return nil, fmt.Errorf("require a relay: %w", err)
		}
	}
	t.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		c.log.Debug("transport changed", "target", target, "state", state)
		c.update(func() {})
	})
	t.pc.OnTrack(c.onTrack)
	t.pc.OnDataChannel(c.onDataChannel)
	return t, nil
}

// startNegotiation starts the publisher's negotiation. If the subscriber's transport is primary and the server does
// not request FastPublish, the first offer waits until something is published.
func (c *Client) startNegotiation(join *livekit.JoinResponse) error {
	if c.opts.SinglePC {
		return c.publisher.setFirstOffer()
	}
	if join.SubscriberPrimary && !join.FastPublish {
		return nil
	}
	_, err := c.publisher.offer(false)
	return err
}

// joined reports whether the primary transport is connected and its data channels are open.
func (c *Client) joined() bool {
	c.mu.Lock()
	subscribing := c.session.subscriberPrimary && c.subscriber != nil
	c.mu.Unlock()
	if !subscribing {
		return c.publisher.connected() && c.data.open()
	}
	return c.subscriber.connected() && (c.data.openedByServer.Load() == 2 || !c.subscriber.hasRemoteDataSection())
}

func (c *Client) transports() []*transport {
	all := make([]*transport, 0, 2)
	for _, t := range []*transport{c.publisher, c.subscriber} {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

// unexpectedFirst returns an error that describes a first message of the wrong type.
func unexpectedFirst(msg *livekit.SignalResponse) error {
	if leave := msg.GetLeave(); leave != nil {
		return fmt.Errorf("the server sent Leave: %s, %s", leave.Reason, leave.Action)
	}
	return fmt.Errorf("unexpected first message %T", msg.Message)
}

// Done returns a channel that is closed when the session ends. Err then returns the reason.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns the reason why the session ended, or nil if it has not ended.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Leave notifies the server that the participant leaves, and closes the client.
func (c *Client) Leave() error {
	leave := &livekit.LeaveRequest{Reason: livekit.DisconnectReason_CLIENT_INITIATED}
	// Without a socket the server cannot be notified, so the error is ignored.
	_ = c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: leave}})
	return c.Close()
}

// Close ends the session without notifying the server and waits for all goroutines. It must not be called from a
// callback.
func (c *Client) Close() error {
	c.end(ErrClosed)
	c.mu.Lock()
	c.closed = true
	sock := c.sock
	c.mu.Unlock()
	if sock != nil {
		sock.close()
	}
	var errs []error
	for _, t := range c.transports() {
		errs = append(errs, t.close())
	}
	c.work.Wait()
	return errors.Join(errs...)
}

// end records why the session ended and closes Done. Connections stay open until Close.
func (c *Client) end(reason error) {
	c.update(func() {
		if c.err == nil {
			c.err = reason
			close(c.done)
		}
	})
}
