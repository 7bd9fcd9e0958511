package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sctp"
	"github.com/pion/webrtc/v4"
)

// transport is one peer connection and the order of its offers and answers.
type transport struct {
	pc       *webrtc.PeerConnection
	target   livekit.SignalTarget
	udpProxy netip.AddrPort // see Options.Via
	send     func(*livekit.SignalRequest) error

	mu                sync.Mutex
	pendingCandidates []webrtc.ICECandidateInit // arrived before the remote description
	localOffer        *webrtc.SessionDescription
	offerID           uint32
	offerPending      bool // an offer of ours is out
	offerAgain        bool // one more was asked for meanwhile
	restartICE        bool // and that one is to restart ICE
	answeredID        uint32
}

// newTransport makes the connection; send is called with what the server has to hear of it.
func newTransport(media *webrtc.API, target livekit.SignalTarget, via netip.AddrPort, send func(*livekit.SignalRequest) error) (*transport, error) {
	pc, err := media.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("make peer connection: %w", err)
	}
	t := &transport{pc: pc, target: target, udpProxy: via, send: send}
	pc.OnICECandidate(func(cand *webrtc.ICECandidate) {
		if cand == nil {
			return // the last one may carry `final`; no server needs it
		}
		init, err := json.Marshal(cand.ToJSON())
		if err != nil {
			return
		}
		trickle := &livekit.TrickleRequest{CandidateInit: string(init), Target: target}
		// A lost socket loses candidates; the ICE restart of the resume gathers them anew.
		_ = send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Trickle{Trickle: trickle}})
	})
	return t, nil
}

// firstOffer makes the offer that travels in the join request. It becomes local with sent.
func (t *transport) firstOffer() (*livekit.SessionDescription, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	offer, err := t.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("make the first offer: %w", err)
	}
	t.offerID++
	t.offerPending, t.localOffer = true, &offer
	return &livekit.SessionDescription{Type: "offer", Sdp: offer.SDP, Id: t.offerID}, nil
}

// setFirstOffer makes the first offer local, which begins gathering: the socket is there to carry the candidates.
func (t *transport) setFirstOffer() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.setFirstOfferLocked()
}

func (t *transport) setFirstOfferLocked() error {
	if t.pc.LocalDescription() != nil {
		return nil
	}
	if err := t.pc.SetLocalDescription(*t.localOffer); err != nil {
		return fmt.Errorf("apply own offer: %w", err)
	}
	return nil
}

// offer negotiates what changed and returns the id whose answer completes it. While an offer is out, the next
// one waits for its answer, so asking many times is one negotiation.
func (t *transport) offer(restart bool) (uint32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.offerPending {
		t.offerAgain = true
		t.restartICE = t.restartICE || restart
		return t.offerID + 1, nil
	}
	err := t.offerLocked(restart)
	return t.offerID, err
}

func (t *transport) offerLocked(restart bool) error {
	offer, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return fmt.Errorf("make offer: %w", err)
	}
	if err := t.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("apply own offer: %w", err)
	}
	t.offerID++
	t.offerPending, t.offerAgain, t.restartICE, t.localOffer = true, false, false, &offer
	return t.sendOfferLocked()
}

func (t *transport) sendOfferLocked() error {
	desc := &livekit.SessionDescription{Type: "offer", Sdp: t.localOffer.SDP, Id: t.offerID}
	return t.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: desc}})
}

// restart negotiates with an ICE restart after the socket was replaced. An offer that was out may have been lost
// with the old socket, so it goes out again first.
func (t *transport) restart() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.offerPending {
		return t.offerLocked(true)
	}
	t.offerAgain, t.restartICE = true, true
	return t.sendOfferLocked()
}

// negotiated reports whether an offer was ever made.
func (t *transport) negotiated() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.offerID > 0
}

// answered reports whether the offer with this id, or a later one, has its answer.
func (t *transport) answered(id uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answeredID >= id
}

// idle reports whether no negotiation is under way.
func (t *transport) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.offerPending
}

// acceptAnswer applies the server's answer and makes the offer that was asked for meanwhile.
func (t *transport) acceptAnswer(desc *livekit.SessionDescription) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.offerPending || (desc.Id != 0 && desc.Id != t.offerID) {
		return nil // an answer to an older offer, or one that came twice
	}
	if err := t.setFirstOfferLocked(); err != nil { // the socket may be quicker with the first answer than begin
		return err
	}
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: replaceCandidates(t.udpProxy, desc.Sdp)}
	if err := t.pc.SetRemoteDescription(remote); err != nil {
		return fmt.Errorf("apply the server's answer: %w", err)
	}
	t.offerPending, t.answeredID = false, t.offerID
	if err := t.addPendingLocked(); err != nil {
		return err
	}
	if t.offerAgain {
		return t.offerLocked(t.restartICE)
	}
	return nil
}

// acceptOffer answers the server's offer.
func (t *transport) acceptOffer(desc *livekit.SessionDescription) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: replaceCandidates(t.udpProxy, desc.Sdp)}
	if err := t.pc.SetRemoteDescription(remote); err != nil {
		return fmt.Errorf("apply the server's offer: %w", err)
	}
	if err := t.addPendingLocked(); err != nil {
		return err
	}
	answer, err := t.pc.CreateAnswer(nil)
	if err != nil {
		return fmt.Errorf("make answer: %w", err)
	}
	if err := t.pc.SetLocalDescription(answer); err != nil {
		return fmt.Errorf("apply own answer: %w", err)
	}
	reply := &livekit.SessionDescription{Type: "answer", Sdp: answer.SDP, Id: desc.Id}
	return t.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: reply}})
}

// addCandidate adds a candidate of the server, now or when the remote description is there.
func (t *transport) addCandidate(init string) error {
	var cand webrtc.ICECandidateInit
	if err := json.Unmarshal([]byte(init), &cand); err != nil {
		return fmt.Errorf("read candidate: %w", err)
	}
	if cand.Candidate != "" {
		if cand.Candidate = replaceCandidates(t.udpProxy, cand.Candidate); cand.Candidate == "" {
			return nil // not one that leads through the proxy
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pendingCandidates = append(t.pendingCandidates, cand)
	if t.pc.RemoteDescription() == nil {
		return nil
	}
	return t.addPendingLocked()
}

func (t *transport) addPendingLocked() error {
	pending := t.pendingCandidates
	t.pendingCandidates = nil
	for _, cand := range pending {
		if err := t.pc.AddICECandidate(cand); err != nil {
			return fmt.Errorf("add candidate: %w", err)
		}
	}
	return nil
}

// addReceivers adds sections on which the server may send.
func (t *transport) addReceivers(kind webrtc.RTPCodecType, n int) error {
	for range n {
		_, err := t.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionRecvonly,
		})
		if err != nil {
			return fmt.Errorf("add a %s section: %w", kind, err)
		}
	}
	return nil
}

func (t *transport) connected() bool {
	return t.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
}

// hasRemoteDataSection reports whether the server's offer has a section for data channels.
func (t *transport) hasRemoteDataSection() bool {
	remote := t.pc.RemoteDescription()
	return remote != nil && strings.Contains(remote.SDP, "m=application")
}

// close ends the connection and waits for pion's goroutines. That the server has closed its end first is no error.
func (t *transport) close() error {
	if err := t.pc.GracefulClose(); err != nil && !errors.Is(err, sctp.ErrResetPacketInStateNotExist) {
		return fmt.Errorf("close peer connection: %w", err)
	}
	return nil
}
