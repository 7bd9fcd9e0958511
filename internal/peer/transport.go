package peer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/loop"
	"meet/internal/sfu"
)

// Options describe a Transport: what differs between the connections of two clients.
type Options struct {
	// Publishes is set when the client sends media on the connection; then the client makes the offers, else the server.
	// Subscribes is set when the client receives media on it. One connection may do both.
	Publishes, Subscribes bool

	Loopback       bool // the client reached us over loopback, so 127.0.0.1 is an address it can use
	FullICE        bool // the client does not support ICE-lite
	ReusesSections bool // the client plays another track on a media section that has carried one
	TCP            bool // the client may connect by TCP too
	TCPOnly        bool // UDP has failed for the client: neither side learns of the other's UDP addresses
	ZeroChecksum   bool // the client takes SCTP packets without a checksum
	NeverPause     bool // the client wants the lowest layer of every video, however little its connection carries

	RED          bool // the client plays RED
	NoAV1        bool // the client says that it knows AV1 and fails with it
	PlayoutDelay bool // the room bounds how long frames are held back
}

// Hooks report what happens on a Transport. They are called on the Transport's worker or by pion and must not
// block; only DataChannel may do more than post to a loop.
type Hooks struct {
	// Offer and Answer send a description to the client, with the track ID of each media section that we send on.
	Offer, Answer func(*livekit.SessionDescription)
	// NeedSections asks the client for that many more receive-only media sections and a new offer.
	NeedSections func(audio, video uint32)
	// OfferedTracks receives the media sections on which the client offers to send, after each of its offers.
	OfferedTracks func([]OfferedTrack)
	// StateChanged receives each change of the connection's state.
	StateChanged func(webrtc.PeerConnectionState)
	// TrackStarted receives each stream of media when its first packet has come, and the media section it arrives on.
	TrackStarted func(sfu.TrackSource, MediaSection)
	// DataChannel receives each data channel, ours included. It must set the channel's handlers before it returns, or the
	// first message is lost.
	DataChannel func(*webrtc.DataChannel)
	// PauseChanged receives the videos that the bandwidth estimate has become too low for, or high enough again.
	PauseChanged func([]sfu.PauseChange)
	// Failed reports that negotiation broke; the client has to reconnect.
	Failed func(error)
}

// Transport is one peer connection of a participant. Whatever may take time in pion runs on its worker, one thing after
// another; the Hooks report the outcome.
type Transport struct {
	// Set once; each is safe for concurrent use.
	Tap       *sfu.Tap
	Feedback  *sfu.Feedback  // towards the client as publisher
	Allocator *sfu.Allocator // towards the client as subscriber: divides the bandwidth of the connection

	pc            *connection
	options       Options
	hooks         Hooks
	reports       *sfu.SenderReports // towards the client as subscriber
	log           *slog.Logger
	answerTimeout time.Duration
	loopback      bool          // the client reached us over loopback
	gathered      chan struct{} // holds one token when gathering may have completed

	work *loop.Loop
	wg   sync.WaitGroup

	// The rest is touched on the worker only.
	state        webrtc.PeerConnectionState // as last reported
	remoteSet    bool
	candidates   []webrtc.ICECandidateInit // came before the remote description
	serverOffers serverOffers              // when we offer
	clientOffers clientOffers              // when the client offers
	tcpOnly      bool                      // neither side learns of the other's UDP addresses
	closed       bool

	remoteUfrag      string          // the client's, which changes when it restarts ICE
	restarted        time.Time       // when that changed
	remoteCandidates map[string]bool // of the client since then, that are used
}

var errPanic = errors.New("peer: a programming error in negotiation")

// NewTransport makes a peer connection. Close ends it.
func (e *Engine) NewTransport(o Options, hooks Hooks, log *slog.Logger) (*Transport, error) {
	var t *Transport                                     // set before the first packet arrives
	work := loop.New(loop.Options{OnPanic: func(v any) { // a client's SDP must not end the rooms of others
		log.Error("negotiation ended by a programming error", "panic", v, "stack", string(debug.Stack()))
		t.fail(errPanic)
	}})
	pc, err := e.newConnection(o, func() { work.Post(func() { t.fail(errStreams) }) })
	if err != nil {
		return nil, err
	}
	send := func(packets []rtcp.Packet) error { return pc.WriteRTCP(packets) }
	allocator := sfu.NewAllocator(pc.tap, o.NeverPause, hooks.PauseChanged)
	t = &Transport{
		Tap: pc.tap, Feedback: sfu.NewFeedback(pc.tap, send), Allocator: allocator, reports: sfu.NewSenderReports(send, allocator.Divide),
		pc: pc, options: o, hooks: hooks, log: log, answerTimeout: e.options.AnswerTimeout, loopback: o.Loopback || e.bound.IsLoopback(),
		work: work, tcpOnly: o.TCPOnly, remoteCandidates: map[string]bool{}, gathered: make(chan struct{}, 1),
	}
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			return
		}
		select {
		case t.gathered <- struct{}{}: // the state is Complete by now
		default:
		}
	})
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { work.Post(t.reportState) })
	pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		hooks.TrackStarted(&remoteTrack{track, receiver, pc}, MediaSection{receiver})
	})
	pc.OnDataChannel(hooks.DataChannel)
	t.wg.Go(t.work.Run) // ends when Close has stopped the loop
	return t, nil
}

const (
	// maxBehind is how many things may be queued for the worker before the client has to wait.
	maxBehind = 16
	// largeMessage is the size in bytes from which on the client waits after each message, because the queue keeps
	// messages whole.
	largeMessage = 64 << 10
)

// WaitBackpressure waits until the worker has caught up, if many things are queued, or if the client's latest message, of size
// bytes, is large.
func (t *Transport) WaitBackpressure(ctx context.Context, size int) {
	if behind := t.work.Len(); behind > maxBehind || behind > 0 && size > largeMessage {
		_ = t.work.Do(ctx, func() {}) // fails when the connection is closed, and then there is nothing to wait for
	}
}

// AddCandidate adds a trickled candidate of the client, in the JSON of RTCIceCandidateInit, in order with descriptions.
func (t *Transport) AddCandidate(init string) {
	var c webrtc.ICECandidateInit
	if len(init) > maxCandidate || json.Unmarshal([]byte(init), &c) != nil || c.Candidate == "" {
		return // the end of candidates is an empty one; anything else is the client's loss
	}
	t.work.Post(func() {
		if !t.remoteSet {
			if len(t.candidates) < maxCandidates {
				t.candidates = append(t.candidates, c)
			}
			return
		}
		t.addCandidate(c)
	})
}

func (t *Transport) addCandidate(c webrtc.ICECandidateInit) {
	if !t.uses(candidateText(c)) {
		return
	}
	if err := t.pc.AddICECandidate(c); err != nil {
		t.log.Debug("candidate refused", "err", err)
	}
}

// LimitBandwidth caps what the client is sent, in bits per second; 0 lifts the cap.
func (t *Transport) LimitBandwidth(bps int64) {
	t.Allocator.SetBitrateCap(int(min(max(bps, 0), math.MaxInt32)))
}

// SetTCPOnly makes the next ICE restart use TCP alone, or UDP again.
func (t *Transport) SetTCPOnly(only bool) { t.work.Post(func() { t.tcpOnly = only }) }

// reportState reports the state of the connection if it has changed. pion reports each change on a goroutine of its own, so
// what it reports last need not be the latest.
func (t *Transport) reportState() {
	if state := t.pc.ConnectionState(); state != t.state {
		t.state = state
		t.hooks.StateChanged(state)
	}
}

// fail reports that negotiation broke, unless the connection has ended, as when its client has left meanwhile.
func (t *Transport) fail(err error) {
	if t.closed || t.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return
	}
	t.hooks.Failed(err)
}

var errStreams = errors.New("peer: the client sends more streams than it may")

// setRemote applies a client's description; parsed is its parsed form.
func (t *Transport) setRemote(d webrtc.SessionDescription, parsed *sdp.SessionDescription) error {
	if err := t.boundRemote(&d, parsed); err != nil {
		return err
	}
	if err := t.pc.SetRemoteDescription(d); err != nil {
		return err
	}
	t.remoteSet = true
	for _, c := range t.candidates {
		t.addCandidate(c)
	}
	t.candidates = nil
	return nil
}

// gatherLimit is far more than gathering our own addresses takes.
const gatherLimit = 5 * time.Second

var errGather = errors.New("peer: our own addresses were not gathered in time")

// setLocal applies our description d and returns the one to send. That holds all candidates, which are our own and
// gathered within a millisecond, so the client need not wait for trickled ones.
func (t *Transport) setLocal(d webrtc.SessionDescription, id uint32) (*livekit.SessionDescription, error) {
	if err := t.pc.SetLocalDescription(d); err != nil {
		return nil, err
	}
	timeout := time.After(gatherLimit)
	// webrtc.GatheringCompletePromise misses the end of gathering if it is called at that very moment, which is possible
	// after an ICE restart: pion gathers from then on.
	for t.pc.ICEGatheringState() != webrtc.ICEGatheringStateComplete {
		select {
		case <-t.gathered:
		case <-timeout:
			return nil, errGather
		}
	}
	return t.local(id), nil
}

func (t *Transport) local(id uint32) *livekit.SessionDescription {
	d := t.pc.LocalDescription()
	text := d.SDP
	if t.tcpOnly {
		text = withoutUDP(text)
	}
	return &livekit.SessionDescription{Type: d.Type.String(), Sdp: text, Id: id, MidToTrackId: t.midToTrack()}
}

func (t *Transport) midToTrack() map[string]string {
	mids := map[string]string{}
	for _, tr := range t.pc.GetTransceivers() {
		if s := tr.Sender(); s != nil && tr.Mid() != "" {
			if track := s.Track(); track != nil {
				mids[tr.Mid()] = track.ID()
			}
		}
	}
	return mids
}

// OpenDataChannel opens a data channel, before the first offer. An unreliable one sends each message once, in any order.
// opened is called by pion when messages can be sent.
func (t *Transport) OpenDataChannel(label string, reliable bool, opened func(*webrtc.DataChannel)) {
	never := uint16(0)
	init := &webrtc.DataChannelInit{Ordered: &reliable}
	if !reliable {
		init.MaxRetransmits = &never
	}
	t.work.Post(func() {
		dc, err := t.pc.CreateDataChannel(label, init)
		if err != nil {
			t.fail(err)
			return
		}
		dc.OnOpen(func() { opened(dc) })
		t.hooks.DataChannel(dc)
	})
}

// Close ends the connection without waiting; Wait waits until all of it has ended.
func (t *Transport) Close() {
	t.work.Post(func() {
		t.closed = true
		if t.serverOffers.timer != nil {
			t.serverOffers.timer.Stop()
		}
		if err := t.pc.Close(); err != nil {
			t.log.Debug("close of a peer connection", "err", err)
		}
	})
	t.work.Stop()
}

// Wait waits until the connection and everything that it started have ended; Close has to be called first.
func (t *Transport) Wait() {
	t.wg.Wait()
	t.Feedback.Close()
	t.reports.Close()
}
