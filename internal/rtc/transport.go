package rtc

import (
	"context"
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

// Transport is one peer connection of a participant. Everything that may take time in pion runs on its worker, one thing
// after another; the outcome is reported by the hooks, which are called from the worker or from pion and must only post.
type Transport struct {
	pc       *connection
	codecs   codecSet
	hooks    transportHooks
	feedback *sfu.Feedback // towards the client as publisher
	// Towards the client as subscriber: reports, and the division of what the connection carries.
	reports   *sfu.Reports
	allocator *sfu.Allocator
	log       *slog.Logger

	answerLimit time.Duration
	reuses      bool // sections may carry one track after another
	loopback    bool // the client reached us over loopback

	work *loop.Loop
	wg   sync.WaitGroup

	// Touched on the room's loop only.
	connected   bool
	connectedAt time.Time // latest; zero: never

	// The rest is touched on the worker only.
	remoteSet  bool
	candidates []webrtc.ICECandidateInit // came before the remote description
	offers     offerState                // when we offer
	sections   sections                  // when the client offers for both directions
	tcpOnly    bool                      // neither side is to know of the other's UDP addresses
	closed     bool

	remoteUfrag      string          // the client's, by which a restart of ICE is noticed
	restarted        time.Time       // when that changed
	remoteCandidates map[string]bool // of the client since then, that are used
}

var errPanic = errors.New("rtc: a programming error in negotiation")

// transportHooks are how a Transport tells its participant.
type transportHooks struct {
	// offer and answer are to be sent to the client, with the track sid of each section we send on.
	offer, answer func(*livekit.SessionDescription)
	// needSections asks the client for that many more receive-only sections and a new offer.
	needSections func(audio, video uint32)
	// sending tells on which sections the client offers to send.
	sending     func([]offeredTrack)
	state       func(webrtc.PeerConnectionState)
	track       func(*webrtc.TrackRemote, *webrtc.RTPReceiver)
	dataChannel func(*webrtc.DataChannel)
	// paused tells which pictures the connection has become too narrow for, or wide enough again.
	paused func([]sfu.PauseChange)
	// failed reports that negotiation broke; the client has to reconnect.
	failed func(error)
}

func newTransport(e *engine, o connectionOptions, hooks transportHooks, log *slog.Logger) (*Transport, error) {
	var t *Transport                                      // set before the first packet arrives
	work := loop.New(loop.Options{Panicked: func(v any) { // a client's SDP must not bring down the rooms of others
		log.Error("negotiation ended by a programming error", "panic", v, "stack", string(debug.Stack()))
		t.fail(errPanic)
	}})
	pc, err := e.newConnection(o, func() { work.Post(func() { t.fail(errStreams) }) })
	if err != nil {
		return nil, err
	}
	send := func(packets []rtcp.Packet) error { return pc.WriteRTCP(packets) }
	allocator := sfu.NewAllocator(pc.tap, o.neverPause, hooks.paused)
	t = &Transport{
		pc: pc, codecs: o.codecs, hooks: hooks, log: log, work: work, tcpOnly: o.tcpOnly, answerLimit: e.patience.answer, reuses: o.reuses,
		loopback: o.loopback || e.bound.IsLoopback(), remoteCandidates: map[string]bool{},
		feedback: sfu.NewFeedback(pc.tap, send), reports: sfu.NewReports(send, allocator.Divide), allocator: allocator,
	}
	pc.OnConnectionStateChange(hooks.state)
	pc.OnTrack(hooks.track)
	pc.OnDataChannel(hooks.dataChannel)
	t.wg.Go(t.work.Run) // ends when close has stopped the loop
	return t, nil
}

const (
	// maxBehind is how many things the worker may have to do before the client has to wait for it.
	maxBehind = 16
	// largeMessage is the size from which on the client waits after each message, in bytes: what waits is kept whole.
	largeMessage = 64 << 10
)

// catchUp waits until the worker has done what it has to, if that is much, or if the latest message has that size.
func (t *Transport) catchUp(ctx context.Context, size int) {
	if behind := t.work.Waiting(); behind > maxBehind || behind > 0 && size > largeMessage {
		_ = t.work.Do(ctx, func() {}) // fails when the connection is closed, and then there is nothing to wait for
	}
}

// addCandidate passes on a candidate of the client, in order with descriptions.
func (t *Transport) addCandidate(c webrtc.ICECandidateInit) {
	t.work.Post(func() {
		if !t.remoteSet {
			if len(t.candidates) < maxCandidates {
				t.candidates = append(t.candidates, c)
			}
			return
		}
		if !t.uses(candidateText(c)) {
			return
		}
		if err := t.pc.AddICECandidate(c); err != nil {
			t.log.Debug("candidate refused", "err", err)
		}
	})
}

// limitBandwidth caps what the client is sent, in bits per second; 0 lifts the cap.
func (t *Transport) limitBandwidth(bps int64) {
	t.allocator.Limit(int(min(max(bps, 0), math.MaxInt32)))
}

// useTCP makes the next restart of ICE go over TCP alone, or over UDP again.
func (t *Transport) useTCP(only bool) { t.work.Post(func() { t.tcpOnly = only }) }

// fail reports that negotiation broke, unless the connection is gone anyway, as when its client left in the middle.
func (t *Transport) fail(err error) {
	if t.closed || t.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return
	}
	t.hooks.failed(err)
}

var errStreams = errors.New("rtc: the client sends more streams than it may")

// setRemote applies a client's description, of which parsed is what the parser made.
func (t *Transport) setRemote(d webrtc.SessionDescription, parsed *sdp.SessionDescription) error {
	if err := t.boundRemote(&d, parsed); err != nil {
		return err
	}
	if err := t.pc.SetRemoteDescription(d); err != nil {
		return err
	}
	t.remoteSet = true
	for _, c := range t.candidates {
		if !t.uses(candidateText(c)) {
			continue
		}
		if err := t.pc.AddICECandidate(c); err != nil {
			t.log.Debug("candidate refused", "err", err)
		}
	}
	t.candidates = nil
	return nil
}

// gatherLimit is far more than gathering our own addresses takes.
const gatherLimit = 5 * time.Second

var errGather = errors.New("rtc: our own addresses were not gathered in time")

// setLocal applies d, which this side has just made, and returns what to send of it. It holds all candidates, which are
// ours alone and gathered within a millisecond, so the client need not wait for trickled ones.
func (t *Transport) setLocal(d webrtc.SessionDescription, id uint32) (*livekit.SessionDescription, error) {
	gathered := webrtc.GatheringCompletePromise(t.pc.PeerConnection) // anew each time: an ICE restart gathers again
	if err := t.pc.SetLocalDescription(d); err != nil {
		return nil, err
	}
	select {
	case <-gathered:
		return t.local(id), nil
	case <-time.After(gatherLimit):
		return nil, errGather
	}
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
				mids[tr.Mid()] = sidOf(track.ID())
			}
		}
	}
	return mids
}

// writeRTCP sends feedback to the client at once.
func (t *Transport) writeRTCP(packets []rtcp.Packet) error { return t.pc.WriteRTCP(packets) }

// close ends the connection without waiting; wait waits until all of it has ended.
func (t *Transport) close() {
	t.work.Post(func() {
		t.closed = true
		if t.offers.limit != nil {
			t.offers.limit.Stop()
		}
		if err := t.pc.Close(); err != nil {
			t.log.Debug("close of a peer connection", "err", err)
		}
	})
	t.work.Stop()
}

func (t *Transport) wait() {
	t.wg.Wait()
	t.feedback.Close()
	t.reports.Close()
}
