package peer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// A connection that is closed while DTLS still waits ends at once, not when DTLS gives up, half a minute later.
func TestCloseDuringHandshakeDoesNotWait(t *testing.T) {
	p := newPair(t, Options{Subscribes: true, Loopback: true})
	p.OpenDataChannel("data", true, func(*webrtc.DataChannel) {})
	p.Negotiate()
	offer := p.sent(1)
	p.remote(webrtc.SDPTypeOffer, strings.ReplaceAll(offer.Sdp, "a=setup:actpass", "a=setup:active"))
	// Each side is told that the other begins, so neither does.
	sdp := strings.ReplaceAll(p.local(p.pc.CreateAnswer(nil)), "a=setup:passive", "a=setup:active")
	p.HandleAnswer(&livekit.SessionDescription{Type: "answer", Sdp: sdp, Id: offer.Id})
	eventually(t, "the server waits in DTLS", func() bool {
		return p.Transport.pc.SCTP().Transport().State() == webrtc.DTLSTransportStateConnecting
	})
	p.Close()
	ended := make(chan struct{})
	go func() { p.Wait(); close(ended) }() // ends with the connection
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection has not ended")
	}
}

// A client that sends faster than its connection can work waits for it; the queue does not grow.
func TestCatchUpWaitsForABusyWorker(t *testing.T) {
	p := newPair(t, Options{Publishes: true, Loopback: true})
	gate, busy := make(chan struct{}), make(chan struct{})
	p.work.Post(func() { close(busy); <-gate })
	<-busy // what is queued from here on stays queued
	const flood = 200
	sent := make(chan struct{}, flood)
	go func() {
		for range flood {
			p.AddCandidate(`{"candidate":"candidate:1 1 udp 1 127.0.0.1 9 typ host"}`)
			p.WaitBackpressure(t.Context(), 100)
			sent <- struct{}{}
		}
	}()
	eventually(t, "the client waits", func() bool { return p.work.Len() > maxBehind })
	if n := p.work.Len(); n > maxBehind+2 { // one more, and what the waiting itself takes
		t.Errorf("%d things are queued", n)
	}
	close(gate)
	for range flood {
		<-sent
	}
}

// pion reports each change on a goroutine of its own. A report that comes late is of no older state and repeats nothing.
func TestLateReportOfAStateRepeatsNothing(t *testing.T) {
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
	eventually(t, "the connection works", reported(webrtc.PeerConnectionStateConnected))
	p.onWorker(p.Transport.reportState) // as after "connecting"
	if err := p.pc.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the client's end is reported", reported(webrtc.PeerConnectionStateClosed))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(slices.Compact(slices.Clone(p.states))) != len(p.states) {
		t.Errorf("reported %v", p.states)
	}
}
