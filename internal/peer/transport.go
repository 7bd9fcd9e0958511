package peer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/netip"
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

// Options describe the client of a Transport and what the Transport is for.
type Options struct {
	// Publishes is set if the client sends media on the connection. Then the client makes the offers, otherwise the server
	// does. Subscribes is set if the client receives media on the connection. Both may be set.
	Publishes, Subscribes bool

	// Loopback is set if the client connects over loopback, so that it can use 127.0.0.1. ServerIP is the IP address that the
	// client used for signalling, which is offered to it; zero if the client used a host name.
	Loopback bool
	ServerIP netip.Addr

	FullICE        bool // the client does not support a peer with ICE-lite (RFC 8445, section 2.5)
	ReusesSections bool // the client can play a new track on a media section that carried another track
	TCP            bool // the client may also connect over TCP
	TCPOnly        bool // UDP has failed: UDP candidates of both sides are removed
	ZeroChecksum   bool // the client accepts SCTP packets without a checksum (RFC 9653)
	NeverPause     bool // the lowest layer of every video is sent even if the bandwidth estimate is too low for it

	RED          bool // the client can decode audio/red
	NoAV1        bool // the client announces AV1 but cannot decode it
	PlayoutDelay bool // the room sets a playout delay, which is sent in an RTP header extension
}

// Hooks are called by a Transport when something happens. The worker and Pion's goroutines call them, so they must not
// block. All hooks except DataChannel may only post to a loop.
type Hooks struct {
	// Offer and Answer send a description to the client. MidToTrackId of the description has the track ID of each media
	// section on which the server sends.
	Offer, Answer func(*livekit.SessionDescription)
	// NeedSections asks the client for a new offer with the given numbers of additional receive-only media sections. Both
	// may be 0.
	NeedSections func(audio, video uint32)
	// OfferedTracks is called after each offer of the client, with the media sections on which the client sends or wants to
	// send.
	OfferedTracks func([]OfferedTrack)
	// StateChanged is called with each new connection state.
	StateChanged func(webrtc.PeerConnectionState)
	// TrackStarted is called when the first packet of an RTP stream has arrived, with the stream and its media section.
	TrackStarted func(sfu.TrackSource, MediaSection)
	// DataChannel is called with each data channel, including those that the server opened. It has to set the channel's
	// handlers before it returns, otherwise the first message may be lost.
	DataChannel func(*webrtc.DataChannel)
	// PauseChanged is called with the videos that were paused because the bandwidth estimate is too low, or that were
	// resumed.
	PauseChanged func([]sfu.PauseChange)
	// Failed is called with an error in negotiation, after which the client has to reconnect.
	Failed func(error)
}

// Transport is one peer connection of a participant. Its methods may be called from any goroutine. Methods that may take
// time in Pion only queue the work for the Transport's worker, in the order of the calls; Hooks report the outcome.
type Transport struct {
	// Tap, Feedback and Allocator are set once and are safe for concurrent use.
	Tap       *sfu.Tap
	Feedback  *sfu.Feedback  // sends feedback about the media that the client publishes
	Allocator *sfu.Allocator // divides the bandwidth to the client between its DownTracks

	pc            *connection
	options       Options
	hooks         Hooks
	reports       *sfu.SenderReports // sends sender reports about the media that the client receives
	log           *slog.Logger
	answerTimeout time.Duration
	loopback      bool          // loopback candidates of the client are accepted
	gathered      chan struct{} // capacity 1: signals that ICE gathering may have completed

	work *loop.Loop
	wg   sync.WaitGroup

	// The following fields are used only on the worker.
	state             webrtc.PeerConnectionState // the state last passed to StateChanged
	remoteSet         bool                       // a description of the client has been applied
	pendingCandidates []webrtc.ICECandidateInit  // candidates that arrived before the first remote description
	serverOffers      serverOffers               // used if the server makes the offers
	clientOffers      clientOffers               // used if the client makes the offers
	tcpOnly           bool                       // UDP candidates of both sides are removed
	closed            bool

	remoteUfrag      string          // the client's ICE username fragment, which changes when the client restarts ICE
	restarted        time.Time       // when remoteUfrag last changed
	remoteCandidates map[string]bool // the candidates of the client that are in use since then, in SDP syntax
}

var errPanic = errors.New("peer: negotiation panicked")

// NewTransport makes a Transport and starts its worker. The caller has to call Close and then Wait.
func (e *Engine) NewTransport(o Options, hooks Hooks, log *slog.Logger) (*Transport, error) {
	var t *Transport                                     // assigned before any callback can run
	work := loop.New(loop.Options{OnPanic: func(v any) { // a client's SDP must not crash the server
		log.Error("negotiation panicked", "panic", v, "stack", string(debug.Stack()))
		t.fail(errPanic)
	}})
	pc, err := e.newConnection(o, func() { work.Post(func() { t.fail(errTooManyStreams) }) })
	if err != nil {
		return nil, err
	}
	send := func(packets []rtcp.Packet) error { return pc.WriteRTCP(packets) }
	allocator := sfu.NewAllocator(pc.tap, o.NeverPause, hooks.PauseChanged)
	t = &Transport{
		Tap: pc.tap, Feedback: sfu.NewFeedback(pc.tap, send), Allocator: allocator, reports: sfu.NewSenderReports(send, allocator.Divide),
		pc: pc, options: o, hooks: hooks, log: log, answerTimeout: e.options.AnswerTimeout, loopback: o.Loopback || e.bound.Addr().IsLoopback(),
		work: work, tcpOnly: o.TCPOnly, remoteCandidates: map[string]bool{}, gathered: make(chan struct{}, 1),
	}
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		if c != nil {
			return
		}
		select {
		case t.gathered <- struct{}{}: // the gathering state is Complete before this callback runs
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
	// highWater is the queue length of the worker above which WaitBackpressure waits.
	highWater = 16
	// largeMessage is the message size in bytes above which WaitBackpressure waits for every message, because the queue
	// holds whole messages in memory.
	largeMessage = 64 << 10
)

// WaitBackpressure slows down a client that sends signal messages faster than the worker handles them. It waits until the
// worker's queue is empty, but only if the queue is longer than highWater or if the client's latest message exceeds
// largeMessage. size is the size of that message in bytes. WaitBackpressure returns early when ctx ends or the Transport is
// closed.
func (t *Transport) WaitBackpressure(ctx context.Context, size int) {
	if behind := t.work.Len(); behind > highWater || behind > 0 && size > largeMessage {
		_ = t.work.Do(ctx, func() {}) // on an error there is nothing to wait for
	}
}

// AddCandidate adds a trickled candidate of the client. init is an RTCIceCandidateInit in JSON. Candidates and descriptions
// are applied in the order in which they were received.
func (t *Transport) AddCandidate(init string) {
	var c webrtc.ICECandidateInit
	if len(init) > maxCandidate || json.Unmarshal([]byte(init), &c) != nil || c.Candidate == "" {
		return // an empty candidate marks the end of candidates; invalid ones are ignored
	}
	t.work.Post(func() {
		if !t.remoteSet {
			if len(t.pendingCandidates) < maxCandidates {
				t.pendingCandidates = append(t.pendingCandidates, c)
			}
			return
		}
		t.addCandidate(c)
	})
}

// addCandidate adds c to the peer connection, unless it exceeds the limits of acceptsCandidate.
func (t *Transport) addCandidate(c webrtc.ICECandidateInit) {
	if !t.acceptsCandidate(candidateText(c)) {
		return
	}
	if err := t.pc.AddICECandidate(c); err != nil {
		t.log.Debug("failed to add a remote candidate", "err", err)
	}
}

// LimitBandwidth caps the bandwidth estimate at bps (bits/s); 0 or less removes the cap.
func (t *Transport) LimitBandwidth(bps int64) {
	t.Allocator.SetBitrateCap(int(min(max(bps, 0), math.MaxInt32)))
}

// SetTCPOnly makes the next ICE restart use only TCP, or UDP again if tcp is false.
func (t *Transport) SetTCPOnly(tcp bool) { t.work.Post(func() { t.tcpOnly = tcp }) }

// reportState calls StateChanged if the connection state has changed. Pion calls its state handler on a new goroutine for
// each change, possibly out of order, so reportState reads the current state instead.
func (t *Transport) reportState() {
	if state := t.pc.ConnectionState(); state != t.state {
		t.state = state
		t.hooks.StateChanged(state)
	}
}

// fail calls Failed, unless the connection has been closed, for example because the client has left.
func (t *Transport) fail(err error) {
	if t.closed || t.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return
	}
	t.hooks.Failed(err)
}

var errTooManyStreams = errors.New("peer: the client sends too many RTP streams")

// setRemote applies d, a description of the client, and then the candidates that arrived before it. parsed is the parsed
// form of d.
func (t *Transport) setRemote(d webrtc.SessionDescription, parsed *sdp.SessionDescription) error {
	if err := t.limitDescription(&d, parsed); err != nil {
		return err
	}
	if err := t.pc.SetRemoteDescription(d); err != nil {
		return err
	}
	t.remoteSet = true
	for _, c := range t.pendingCandidates {
		t.addCandidate(c)
	}
	t.pendingCandidates = nil
	return nil
}

// gatherLimit is how long to wait for ICE gathering. Only local addresses are gathered, which takes about a millisecond.
const gatherLimit = 5 * time.Second

var errGatherTimeout = errors.New("peer: ICE candidates were not gathered in time")

// setLocal applies d, a description of the server, and returns it in the form to send, with the session description ID id.
// It waits about a millisecond until all candidates have been gathered. So the description is complete and no candidate
// needs to be trickled.
func (t *Transport) setLocal(d webrtc.SessionDescription, id uint32) (*livekit.SessionDescription, error) {
	if err := t.pc.SetLocalDescription(d); err != nil {
		return nil, err
	}
	timeout := time.After(gatherLimit)
	// After an ICE restart Pion has already begun to gather here, and webrtc.GatheringCompletePromise would never complete
	// if gathering completed during its call.
	for t.pc.ICEGatheringState() != webrtc.ICEGatheringStateComplete {
		select {
		case <-t.gathered:
		case <-timeout:
			return nil, errGatherTimeout
		}
	}
	return t.localDescription(id), nil
}

// localDescription returns the current local description in the form to send: with the priorities of candidates, and without
// UDP candidates if tcpOnly is set.
func (t *Transport) localDescription(id uint32) *livekit.SessionDescription {
	d := t.pc.LocalDescription()
	text := t.pc.offered.prioritize(d.SDP)
	if t.tcpOnly {
		text = withoutUDP(text)
	}
	return &livekit.SessionDescription{Type: d.Type.String(), Sdp: text, Id: id, MidToTrackId: t.midToTrack()}
}

// midToTrack returns the IDs of the tracks that the server sends. The keys are the mids of their media sections.
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

// OpenDataChannel opens a data channel. It has to be called before the first offer. If reliable is false, messages are
// unordered and never retransmitted. When the channel is open, Pion calls onOpen.
func (t *Transport) OpenDataChannel(label string, reliable bool, onOpen func(*webrtc.DataChannel)) {
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
		dc.OnOpen(func() { onOpen(dc) })
		t.hooks.DataChannel(dc)
	})
}

// Close closes the connection. It does not wait; see Wait.
func (t *Transport) Close() {
	t.work.Post(func() {
		t.closed = true
		if t.serverOffers.answerTimer != nil {
			t.serverOffers.answerTimer.Stop()
		}
		if err := t.pc.Close(); err != nil {
			t.log.Debug("failed to close a peer connection", "err", err)
		}
	})
	t.work.Stop()
}

// Wait waits until the worker and all other goroutines of the Transport have ended. Close has to be called first.
func (t *Transport) Wait() {
	t.wg.Wait()
	t.Feedback.Close()
	t.reports.Close()
}
