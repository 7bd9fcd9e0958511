package peer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// Close must end the DTLS handshake, which would otherwise give up only after 30 s.
func TestCloseInterruptsTheDTLSHandshake(t *testing.T) {
	p := newPair(t, Options{Subscribes: true, Loopback: true})
	p.OpenDataChannel("data", true, func(*webrtc.DataChannel) {})
	p.Negotiate()
	offer := p.sent(1)
	p.remote(webrtc.SDPTypeOffer, strings.ReplaceAll(offer.Sdp, "a=setup:actpass", "a=setup:active"))
	// Both sides act as DTLS servers, so neither starts the handshake.
	sdp := strings.ReplaceAll(p.local(p.pc.CreateAnswer(nil)), "a=setup:passive", "a=setup:active")
	p.HandleAnswer(&livekit.SessionDescription{Type: "answer", Sdp: sdp, Id: offer.Id})
	eventually(t, "the server waits in DTLS", func() bool {
		return p.Transport.pc.SCTP().Transport().State() == webrtc.DTLSTransportStateConnecting
	})
	p.Close()
	ended := make(chan struct{})
	go func() { p.Wait(); close(ended) }() // ends when the Transport has ended
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the Transport has not ended within 10 s")
	}
}

// The client sends candidates faster than the worker handles them. The queue must not grow.
func TestWaitBackpressureBoundsQueueDuringCandidateFlood(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Loopback: true})
	gate, busy := make(chan struct{}), make(chan struct{})
	p.work.Post(func() { close(busy); <-gate })
	<-busy // from here on the worker is blocked
	const flood = 200
	sent := make(chan struct{}, flood)
	go func() {
		for range flood {
			p.AddCandidate(`{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}`)
			p.WaitBackpressure(t.Context(), 100)
			sent <- struct{}{}
		}
	}()
	eventually(t, "the client waits", func() bool { return p.work.Len() > highWater })
	if n := p.work.Len(); n > highWater+2 { // one more candidate, and the closure that WaitBackpressure queues
		t.Errorf("%d closures are queued", n)
	}
	close(gate)
	for range flood {
		<-sent
	}
}

// Pion calls its state handler on a new goroutine for each change, so a call may come late. A late call must not report a
// state that has been reported already.
func TestLateCallbackDoesNotReportTheSameConnectionStateAgain(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Loopback: true})
	if _, err := p.pc.CreateDataChannel("data", nil); err != nil {
		t.Fatal(err)
	}
	reported := func(last webrtc.PeerConnectionState) func() bool {
		return func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.states) > 0 && p.states[len(p.states)-1] == last
		}
	}
	p.offer()
	eventually(t, "the connected state is reported", reported(webrtc.PeerConnectionStateConnected))
	p.onWorker(p.Transport.reportState) // as a late call for "connecting" would
	if err := p.pc.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the closed state is reported", reported(webrtc.PeerConnectionStateClosed))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(slices.Compact(slices.Clone(p.states))) != len(p.states) {
		t.Errorf("reported %v", p.states)
	}
}
