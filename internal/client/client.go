package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// ErrClosed is what waiting calls return once the client was closed.
var ErrClosed = errors.New("the client is closed")

// Options changes how a client joins. The zero value joins with two peer connections, subscribes to everything
// and resumes only when told to.
type Options struct {
	SinglePC        bool // one peer connection, /rtc/v1
	NoAutoSubscribe bool // subscribe only by SetSubscribed
	AdaptiveStream  bool // say that track settings will follow
	AutoResume      bool // reopen a lost socket without being told
	JSON            bool // send text frames
	HostOnly        bool // use host candidates alone, none of the server's STUN and TURN servers
	NoInterceptors  bool // no interceptors: no reports, no NACKs, no feedback; for load at the lowest cost
	// UDPProxy reaches the server's UDP candidates at this address instead, a proxy's, and leaves out its TCP ones.
	UDPProxy netip.AddrPort
	Logger   *slog.Logger
	// ExcludeCodecs names codecs that this client does not have, by MIME type.
	ExcludeCodecs []string
	// ClientInfo is what it says of itself; nil says that it is a Go client. Servers treat some clients differently.
	ClientInfo *livekit.ClientInfo

	// SettingEngine adjusts pion before the first connection is made.
	SettingEngine func(*webrtc.SettingEngine)
	// OnSignal sees every message of the server in order, before the client acts on it. It must not block and
	// may call Send and accessors only.
	OnSignal func(*livekit.SignalResponse)
	// OnTrack is called on a goroutine of its own when the first packet of a track arrives. It usually reads
	// the track until that fails; Close waits for it. Without it, tracks are read and dropped.
	OnTrack func(*RemoteTrack)
	// OnData is called for each data packet, in order for each channel. It must not block.
	OnData func(*livekit.DataPacket)
	// OnDataTrackPacket is called for each packet of a data track, header included. It must not block.
	OnDataTrackPacket func([]byte)
	// OnLeave is called with the server's Leave. It must not block.
	OnLeave func(*livekit.LeaveRequest)
}

// Client is one participant's session. Its methods may be called from any goroutine.
type Client struct {
	opts   Options
	log    *slog.Logger
	server string

	// Set by Join before anything else runs.
	api        *webrtc.API
	publisher  *transport
	subscriber *transport // nil with a single peer connection
	data       *dataChannels

	work sync.WaitGroup // goroutines of this package and callbacks running on pion's
	done chan struct{}  // closed when the session is over

	resuming sync.Mutex // one resume at a time

	mu           sync.Mutex
	changed      chan struct{} // closed and replaced whenever something below or in a transport changed
	closed       bool
	err          error // why the session is over
	sock         *socket
	lost         bool // the socket ended and none replaced it
	autoResuming bool // resumeAgain is running
	token        string
	session      session
}

// Join enters the room that token names and returns when the primary transport is connected and its data channels
// are open.
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
	if err := c.setICEServers(join.IceServers); err != nil {
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

// prepare makes the peer connections, with data channels and, where the client is the only offerer, the sections
// that every LiveKit client offers for a start: three of each kind.
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

func (c *Client) connection(target livekit.SignalTarget) (*transport, error) {
	t, err := newTransport(c.api, target, c.opts.UDPProxy, c.Send)
	if err != nil {
		return nil, err
	}
	t.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		c.log.Debug("transport changed", "target", target, "state", state)
		c.update(func() {})
	})
	t.pc.OnTrack(c.onTrack)
	t.pc.OnDataChannel(c.onDataChannel)
	return t, nil
}

// setICEServers gives the transports the server's STUN and TURN servers before they gather.
func (c *Client) setICEServers(servers []*livekit.ICEServer) error {
	if c.opts.HostOnly {
		return nil
	}
	var conf webrtc.Configuration
	for _, s := range servers {
		conf.ICEServers = append(conf.ICEServers, webrtc.ICEServer{
			URLs: s.Urls, Username: s.Username, Credential: s.Credential,
		})
	}
	for _, t := range c.transports() {
		conf.BundlePolicy = webrtc.BundlePolicyMaxBundle
		if err := t.pc.SetConfiguration(conf); err != nil {
			return fmt.Errorf("use the server's ICE servers: %w", err)
		}
	}
	return nil
}

// startNegotiation starts this side's negotiation, if it has to speak first or is invited to.
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

// joined reports whether the participant is in: the primary transport is connected and can carry data.
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

// unexpectedFirst turns a first message that should have been another into an error.
func unexpectedFirst(msg *livekit.SignalResponse) error {
	if leave := msg.GetLeave(); leave != nil {
		return fmt.Errorf("the server said to leave: %s, %s", leave.Reason, leave.Action)
	}
	return fmt.Errorf("the server began with an unexpected %T", msg.Message)
}

// Done is closed when the session is over: the server said so, or Close was called.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err tells why the session is over, nil while it is not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Leave says goodbye and closes.
func (c *Client) Leave() error {
	leave := &livekit.LeaveRequest{Reason: livekit.DisconnectReason_CLIENT_INITIATED}
	// Without a socket there is nobody to tell.
	_ = c.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: leave}})
	return c.Close()
}

// Close ends the session without a goodbye and waits for every goroutine. It must not be called from a callback.
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

// end marks the session as over; what is open stays open until Close.
func (c *Client) end(reason error) {
	c.update(func() {
		if c.err == nil {
			c.err = reason
			close(c.done)
		}
	})
}
