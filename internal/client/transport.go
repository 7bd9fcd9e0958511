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

// transport is one peer connection. It serialises the exchange of offers and answers.
type transport struct {
	pc       *webrtc.PeerConnection
	target   livekit.SignalTarget
	udpProxy netip.AddrPort // address that replaces that of the server's candidates, if valid
	send     func(*livekit.SignalRequest) error

	mu                sync.Mutex
	pendingCandidates []webrtc.ICECandidateInit // received before the remote description
	localOffer        *webrtc.SessionDescription
	offerID           uint32
	offerPending      bool // our offer waits for its answer
	offerAgain        bool // another offer is needed after the answer
	restartICE        bool // the next offer must restart ICE
	answeredID        uint32
}

// newTransport creates a peer connection. It calls send to send messages to the server.
func newTransport(media *webrtc.API, target livekit.SignalTarget, proxy netip.AddrPort, send func(*livekit.SignalRequest) error) (*transport, error) {
	pc, err := media.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		return nil, fmt.Errorf("create peer connection: %w", err)
	}
	t := &transport{pc: pc, target: target, udpProxy: proxy, send: send}
	pc.OnICECandidate(func(cand *webrtc.ICECandidate) {
		if cand == nil {
			return // end of candidates: no server needs it
		}
		init, err := json.Marshal(cand.ToJSON())
		if err != nil {
			return
		}
		trickle := &livekit.TrickleRequest{CandidateInit: string(init), Target: target}
		// If the socket is lost, so are candidates. The ICE restart of the resume gathers new ones.
		_ = send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Trickle{Trickle: trickle}})
	})
	return t, nil
}

// firstOffer creates the offer that is sent in the join request. setFirstOffer applies it later.
func (t *transport) firstOffer() (*livekit.SessionDescription, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	offer, err := t.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("create the first offer: %w", err)
	}
	t.offerID++
	t.offerPending, t.localOffer = true, &offer
	return &livekit.SessionDescription{Type: "offer", Sdp: offer.SDP, Id: t.offerID}, nil
}

// setFirstOffer applies the first offer as the local description, which starts gathering. The socket must be open,
// because the gathered candidates are sent on it.
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

// offer makes an offer and returns its id. The negotiation is complete when the offer with this id is answered. If an
// offer is already pending, the new one is made after the pending one is answered, and only one is made for all calls
// until then.
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

// offerLocked creates an offer, applies it and sends it. t.mu must be held.
func (t *transport) offerLocked(restart bool) error {
	offer, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
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

// restart makes an offer with an ICE restart after the socket was replaced. If an offer is pending, it may have been
// lost with the old socket. In this case restart sends the pending offer again, and the ICE restart follows after its
// answer.
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

// answered reports whether the offer with this id, or a later one, was answered.
func (t *transport) answered(id uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answeredID >= id
}

// idle reports whether no offer is pending.
func (t *transport) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.offerPending
}

// acceptAnswer applies the server's answer. If another offer is needed, it makes that offer. It ignores an answer
// that does not belong to the pending offer.
func (t *transport) acceptAnswer(desc *livekit.SessionDescription) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.offerPending || (desc.Id != 0 && desc.Id != t.offerID) {
		return nil // answer to an older offer, or received twice
	}
	if err := t.setFirstOfferLocked(); err != nil { // the first answer may arrive before startNegotiation has run
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

// acceptOffer applies the server's offer and sends the answer.
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
		return fmt.Errorf("create answer: %w", err)
	}
	if err := t.pc.SetLocalDescription(answer); err != nil {
		return fmt.Errorf("apply own answer: %w", err)
	}
	reply := &livekit.SessionDescription{Type: "answer", Sdp: answer.SDP, Id: desc.Id}
	return t.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: reply}})
}

// addCandidate adds a candidate of the server, or stores it until there is a remote description.
func (t *transport) addCandidate(init string) error {
	var cand webrtc.ICECandidateInit
	if err := json.Unmarshal([]byte(init), &cand); err != nil {
		return fmt.Errorf("parse candidate: %w", err)
	}
	if cand.Candidate != "" {
		if cand.Candidate = replaceCandidates(t.udpProxy, cand.Candidate); cand.Candidate == "" {
			return nil // not a UDP candidate, so it cannot use the proxy
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

// addPendingLocked adds the candidates that have waited for the remote description. t.mu must be held.
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

// addReceivers adds n media sections in which the server may send a track.
func (t *transport) addReceivers(kind webrtc.RTPCodecType, n int) error {
	for range n {
		_, err := t.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionRecvonly,
		})
		if err != nil {
			return fmt.Errorf("add a %s media section: %w", kind, err)
		}
	}
	return nil
}

func (t *transport) connected() bool {
	return t.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
}

// hasRemoteDataSection reports whether the server's last description has a media section for data channels.
func (t *transport) hasRemoteDataSection() bool {
	remote := t.pc.RemoteDescription()
	return remote != nil && strings.Contains(remote.SDP, "m=application")
}

// close closes the peer connection and waits for pion's goroutines. It is not an error if the server has closed its
// side first.
func (t *transport) close() error {
	if err := t.pc.GracefulClose(); err != nil && !errors.Is(err, sctp.ErrResetPacketInStateNotExist) {
		return fmt.Errorf("close peer connection: %w", err)
	}
	return nil
}
